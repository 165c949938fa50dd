"""A model's versions on disk: the sub-folders whose names are whole numbers."""

from __future__ import annotations

import re
from pathlib import Path

_NUMBER = re.compile(r"\s*[+-]?\d{1,19}\s*")
MAX_INT64 = 2**63 - 1


def number_of(name: str) -> int | None:
    """Return the version that a folder of this name is, or None where it is none."""
    return int(name) if _NUMBER.fullmatch(name) and abs(int(name)) <= MAX_INT64 else None


def find_versions(model_folder: str | Path) -> dict[int, Path]:
    """Return the versions in a model's folder, newest first.

    A name counts as TensorFlow Serving counts it: all of it is a number (`3`, `0003`), so `.tmp-4` and `1.5` do not.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    found: dict[int, Path] = {}
    for child in sorted(Path(model_folder).iterdir()):
        number = number_of(child.name)
        if number is not None:
            found.setdefault(number, child)
    return dict(sorted(found.items(), reverse=True))


def newest_version(model_folder: str | Path) -> tuple[int, Path] | None:
    """Return the newest version's number and folder, or None where there is none."""
    try:
        versions = find_versions(model_folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return next(iter(versions.items()), None)
