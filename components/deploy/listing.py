"""All versions that were released, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass

from serving.targets.history import History, Released
from serving.targets.protocol import Target

SERVING, CANARY, PREVIOUS, ROLLED_BACK, REMOVED = "serving", "canary", "previous", "rolled back", "removed"


@dataclass(frozen=True)
class Listed:
    """One version.

    Attributes:
        number: Its number.
        state: `serving`; `canary`, where it gets a share of the requests; `previous`, where one may go back to it;
            `rolled back`, where `--to` brings it back; `removed`, where nothing but this line is left of it.
        about: What is remembered of it; None where no release of ours made it.
    """

    number: int
    state: str
    about: Released | None


def listed(target: Target) -> list[Listed]:
    """Return the versions of a model, newest first.

    Args:
        target: The model, and where it is served.

    Raises:
        DataError: The history cannot be understood.
    """
    published, withdrawn, history = target.versions(), target.withdrawn(), History(target)
    marker = target.marker()
    tried = marker.canary if marker is not None and marker.stable in published else None
    serving = next((number for number in published if number != tried), None)
    found = []
    for number in sorted({*published, *withdrawn, *history.versions}, reverse=True):
        about = history.get(number) or _of_papers(target, number)
        if number == serving:
            state = SERVING
        elif number in published:
            state = CANARY if number == tried else PREVIOUS
        else:
            state = ROLLED_BACK if number in withdrawn else REMOVED
        found.append(Listed(number, state, about))
    return found


def _of_papers(target: Target, number: int) -> Released | None:
    release = target.papers(number)
    return Released.of(number, release) if release is not None else None
