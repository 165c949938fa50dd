"""Finishes or undoes a release that was killed, from what its journal says."""

from __future__ import annotations

from components.deploy.promotion import promote, take_back
from serving.targets import canary
from serving.targets.history import load_release
from serving.targets.journal import Entry, Journal, Stage
from serving.targets.local import LocalTarget

KILLED = "the release was killed during its canary, which nobody watched any more"


def recover(target: LocalTarget, journal: Journal, uri: str | None) -> str:
    """Finish or undo what a killed command left; nothing where none did.

    Afterwards one whole version is served, and the champion's alias points at it.

    Args:
        target: The model.
        journal: Its journal, under lock.
        uri: The registry; None where there is none.

    Returns:
        What was done, in a few words; empty where nothing was.

    Raises:
        ServiceUnavailable: The registry did not answer; the next command tries again.
    """
    entry = journal.read()
    if entry is None:
        return ""
    if entry.stage in (Stage.TESTING, Stage.PUBLISHING, Stage.CANARY):
        number = _published(target, entry)
        if number is None:
            target.remove_leftovers()
            canary.end(target.release_folder)
            journal.close()
            return "a release that was killed before it was published has been removed"
        stage = Stage.ROLLING_BACK if entry.stage == Stage.CANARY else Stage.PROMOTING
        entry = entry.model_copy(update={"stage": stage, "number": number})
        if stage == Stage.ROLLING_BACK:
            entry = undoing(entry, KILLED)
        journal.enter(entry)
    if entry.stage == Stage.PROMOTING:
        promote(target, journal, entry, uri)
        return f"the release of version {entry.number}, which was killed, has been finished"
    take_back(target, journal, entry, uri)
    numbers = ", ".join(map(str, entry.withdraw))
    return f"the rollback from version {numbers}, which was killed, has been finished"


def undoing(entry: Entry, reason: str) -> Entry:
    """Return the entry by which a version that was published for a canary is taken back."""
    changes = {
        "stage": Stage.ROLLING_BACK,
        "number": entry.previous,
        "withdraw": (entry.number,),
        "reason": reason,
        "is_automatic": True,
    }
    return entry.model_copy(update=changes)


def _published(target: LocalTarget, entry: Entry) -> int | None:
    """Return the number under which a journal's release is published, or None where it is not."""
    for number, folder in target.versions().items():
        if number <= entry.previous:
            break
        release = load_release(folder)
        if release is not None and release.fingerprint == entry.fingerprint:
            return number
    return None
