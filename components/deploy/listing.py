"""All versions that were released, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from serving.targets import canary
from serving.targets.history import History, Released, load_release
from serving.targets.local import LocalTarget

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


def listed(models_dir: str | Path, name: str) -> list[Listed]:
    """Return the versions of a model, newest first.

    Args:
        models_dir: Folder with one sub-folder for each served model.
        name: The model.

    Raises:
        DataError: The history cannot be understood.
    """
    target = LocalTarget(models_dir, name)
    published, withdrawn, history = target.versions(), target.withdrawn(), History(target)
    marker = canary.read_marker(target.release_folder)
    tried = marker.canary if marker is not None and marker.stable in published else None
    serving = next((number for number in published if number != tried), None)
    found = []
    for number in sorted({*published, *withdrawn, *history.versions}, reverse=True):
        folder = published.get(number) or withdrawn.get(number)
        about = history.get(number) or _of_folder(number, folder)
        if number == serving:
            state = SERVING
        elif number in published:
            state = CANARY if number == tried else PREVIOUS
        else:
            state = ROLLED_BACK if number in withdrawn else REMOVED
        found.append(Listed(number, state, about))
    return found


def _of_folder(number: int, folder: Path | None) -> Released | None:
    release = load_release(folder) if folder is not None else None
    return Released.of(number, release) if release is not None else None
