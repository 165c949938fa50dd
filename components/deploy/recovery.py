"""Finishes or undoes a release that was killed, from what its journal says."""

from __future__ import annotations

from components.deploy.promotion import promote, take_back
from estafet.errors import StepFailed
from serving.targets.journal import Entry, Journal, Stage
from serving.targets.protocol import Target

KILLED = "the release was killed during its canary, which nobody watched any more"


def recover(target: Target, journal: Journal, uri: str | None) -> str:
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
            target.settle(is_back=True)
            target.remove_leftovers()
            journal.close()
            return "a release that was killed before it was published has been removed"
        stage = Stage.ROLLING_BACK if entry.stage == Stage.CANARY else Stage.PROMOTING
        entry = entry.model_copy(update={"stage": stage, "number": number})
        if stage == Stage.ROLLING_BACK:
            entry = undoing(entry, KILLED)
        journal.enter(entry)
    if entry.stage == Stage.PROMOTING:
        try:
            promote_or_undo(target, journal, entry, uri)
        except StepFailed as error:
            return f"the release of version {entry.number}, which was killed, has been undone: {error.message}"
        return f"the release of version {entry.number}, which was killed, has been finished"
    take_back(target, journal, entry, uri)
    numbers = ", ".join(map(str, entry.withdraw))
    return f"the rollback from version {numbers}, which was killed, has been finished"


def promote_or_undo(target: Target, journal: Journal, entry: Entry, uri: str | None) -> None:
    """Let a version answer all requests, or take it back where the servers do not take it.

    Raises:
        StepFailed: They did not; the version that was served before is served.
        ServiceUnavailable: The registry did not answer; the next command sets the alias.
    """
    try:
        promote(target, journal, entry, uri)
    except StepFailed as error:
        undo = journal.enter(undoing(entry, error.message))
        take_back(target, journal, undo, uri)
        raise StepFailed(f"version {entry.number} was rolled back: {error.message}", hint=error.hint) from error


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


def _published(target: Target, entry: Entry) -> int | None:
    """Return the number under which a journal's release is published, or None where it is not."""
    for number in target.versions():
        if number <= entry.previous:
            break
        release = target.papers(number)
        if release is not None and release.fingerprint == entry.fingerprint:
            return number
    return None
