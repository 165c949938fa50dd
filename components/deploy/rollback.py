"""Back to an earlier version: what answers, which version the alias names, and why, in MLflow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from components.deploy.promotion import take_back
from components.deploy.recovery import recover
from estafet.errors import ConfigError
from serving.targets.history import History
from serving.targets.journal import Stage, begin, locked
from serving.targets.protocol import Target

COMMAND = "estafet rollback"


@dataclass(frozen=True)
class RolledBackTo:
    """What `roll_back` did.

    Attributes:
        number: The version that is served now.
        withdrawn: Those that are no longer, newest last.
        recovered: What was finished or undone before, in words; empty where nothing was.
    """

    number: int
    withdrawn: tuple[int, ...]
    recovered: str = ""


def roll_back(
    target: Target,
    *,
    to: int | None = None,
    reason: str = "",
    uri: str | None = None,
    said: Callable[[str], None] = lambda message: None,
) -> RolledBackTo:
    """Serve an earlier version, or one that was taken back.

    Args:
        target: The model, and where it is served.
        to: The version; the one before the served one where none is given.
        reason: Why, for the history and MLflow.
        uri: The registry; None where there is none.
        said: Told what was found unfinished.

    Returns:
        What is served now.

    Raises:
        ConfigError: There is no such version, or none before the served one.
        ServiceUnavailable: A release is going on; or the registry did not answer, and the next command sets the alias.
    """
    if not target.exists():
        raise ConfigError(f"no version of '{target.name}' was ever released.", hint="`estafet run` releases one.")
    with locked(target) as journal:
        recovered = recover(target, journal, uri)
        if recovered:
            said(recovered)
        number = _chosen(target, to)
        withdraw = tuple(sorted(version for version in target.versions() if version > number))
        entry = begin(
            COMMAND,
            stage=Stage.ROLLING_BACK,
            number=number,
            withdraw=withdraw,
            reason=reason or f"rolled back to version {number}",
        )
        journal.enter(entry)
        take_back(target, journal, entry, uri)
    return RolledBackTo(number, withdraw, recovered)


def _chosen(target: Target, to: int | None) -> int:
    """Return the version to go back to: the one asked for, or the one before; what was withdrawn is not among those."""
    published, withdrawn = list(target.versions()), target.withdrawn()
    if to is None:
        if len(published) < 2:
            raise ConfigError(_none_before(target, published), hint=_hint(target))
        return published[1]
    if published and to == published[0]:
        raise ConfigError(f"version {to} of '{target.name}' is the one that is served.", hint=_hint(target))
    if to not in published and to not in withdrawn:
        raise ConfigError(f"there is no version {to} of '{target.name}' any more.", hint=_hint(target))
    if target.papers(to) is None and History(target).get(to) is not None:
        raise ConfigError(f"version {to} of '{target.name}' is damaged: it has lost its papers.", hint=_hint(target))
    return to


def _none_before(target: Target, published: list[int]) -> str:
    served = f"version {published[0]}, the served one" if published else "any"
    return f"there is no version of '{target.name}' before {served}."


def _hint(target: Target) -> str:
    served = target.newest()
    others = sorted({*target.versions(), *target.withdrawn()} - ({served[0]} if served else set()))
    if not others:
        return "`estafet releases` lists the versions; `estafet run` makes another."
    return f"choose one of these with --to: {', '.join(map(str, others))}; `estafet releases` says more."
