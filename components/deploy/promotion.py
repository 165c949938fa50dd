"""Makes a published version the champion, or takes versions back: in the folder, the history and the registry.

Everything here may be done twice: whatever was killed half-way is done again by the next command.
"""

from __future__ import annotations

from serving import registry
from serving.targets.history import History, Released, taken_back
from serving.targets.journal import Entry, Journal
from serving.targets.protocol import Target

ROLLED_BACK_TAGS = ("estafet.rolled_back", "estafet.rolled_back_by", "estafet.rolled_back_at")


def promote(target: Target, journal: Journal, entry: Entry, uri: str | None) -> None:
    """Let a published version answer all requests, and point the champion's alias at it.

    Args:
        target: The model.
        journal: Its journal, which ends with this.
        entry: What is in the journal.
        uri: The registry; None where there is none, and no alias.

    Raises:
        ServiceUnavailable: The registry did not answer; the version is served, and the next command sets the alias.
        StepFailed: The servers do not take the version; the journal still says that it is to be promoted.
    """
    target.settle()
    if entry.number in target.versions():
        history = History(target)
        remember(target, history, entry.number, entry)
        make_champion(target, history, entry.number, uri)
    journal.close()


def take_back(target: Target, journal: Journal, entry: Entry, uri: str | None) -> None:
    """Withdraw the versions that the journal names, and point the champion's alias at the one that is served then.

    The version gone back to is there before the first one goes, and the newest goes last, so that no server ever sees
    another version as the newest.

    Args:
        target: The model.
        journal: Its journal, which ends with this.
        entry: What is in the journal.
        uri: The registry; None where there is none, and no alias.

    Raises:
        ServiceUnavailable: The registry did not answer; the versions are withdrawn, and the next command says so.
    """
    history = History(target)
    rolled_back = taken_back(entry.reason, entry.by, is_automatic=entry.is_automatic)
    target.restore(entry.number)
    for number in sorted(entry.withdraw):
        remember(target, history, number, entry if entry.is_automatic else None)
        history.change(number, rolled_back=rolled_back)
        target.withdraw(number)
    target.settle(is_back=True)
    if entry.number:
        remember(target, history, entry.number)
        make_champion(target, history, entry.number, uri)
    if uri is not None:
        for number in entry.withdraw:
            _say_rolled_back(target, history.get(number), uri)
    journal.close()


def remember(target: Target, history: History, number: int, entry: Entry | None = None) -> None:
    """Put a version into the history, unless it stands there or no release of ours made it.

    Args:
        target: The model.
        history: Its history.
        number: The version.
        entry: The journal's entry of its release, which knows better when that was and its number in the registry.
    """
    release = target.papers(number)
    known = history.get(number)
    if release is not None and (known is None or known.fingerprint != release.fingerprint):
        about = Released.of(number, release)
        if entry is not None:
            registered_version = entry.registered_version or about.registered_version
            changes = {"released": entry.started, "registered_version": registered_version}
            about = about.model_copy(update=changes)
        history.put(about)


def make_champion(target: Target, history: History, number: int, uri: str | None) -> None:
    """Point the registry's alias at a version, unless the history says that it was done.

    A version that the registry does not know leaves the alias to nobody: it must not name one that is not served.
    """
    entry = history.get(number)
    if entry is None:
        return
    if uri is not None and not entry.is_champion:
        if entry.registered_version:
            registry.set_alias(uri, target.name, registry.CHAMPION, entry.registered_version)
            registry.set_tags(uri, target.name, entry.registered_version, {"served_version": number})
            if entry.rolled_back is not None:
                registry.remove_tags(uri, target.name, entry.registered_version, ROLLED_BACK_TAGS)
        elif history.champion() is not None:
            registry.remove_alias(uri, target.name, registry.CHAMPION)
    before = history.champion()
    if before is not None and before.number != number:
        history.change(before.number, is_champion=False)
    history.change(number, rolled_back=None, is_champion=uri is not None and bool(entry.registered_version))


def _say_rolled_back(target: Target, entry: Released | None, uri: str) -> None:
    """Tag a version, and the run that made it, with why it was taken back and by whom."""
    if entry is None or entry.rolled_back is None:
        return
    said = entry.rolled_back
    tags = dict(zip(ROLLED_BACK_TAGS, (said.reason, said.by, said.when.isoformat()), strict=True))
    if entry.registered_version:
        registry.set_tags(uri, target.name, entry.registered_version, tags)
    if entry.mlflow_run_id:
        registry.tag_run(uri, entry.mlflow_run_id, tags)
