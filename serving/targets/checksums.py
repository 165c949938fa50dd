"""SHA-256 of every file of a version: they tell whether a copy is what was copied, and go with the version."""

from __future__ import annotations

import hashlib
from pathlib import Path

from estafet.errors import DataError
from estafet.files import read_json, write_json
from estafet.release import FOLDER

CHECKSUMS_FILE = f"{FOLDER}/checksums.json"


def of_files(folder: str | Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder in hexadecimal, by its path there; the list itself is left out."""
    root = Path(folder)
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return {name: _of_file(root / name) for name in names if name != CHECKSUMS_FILE}


def check_copy(original: str | Path, copy: str | Path) -> None:
    """Compare a copy with what was copied, file by file.

    Raises:
        DataError: A file is missing or differs.
    """
    _compare(of_files(original), copy)


def write(version_dir: str | Path) -> None:
    """Write the checksums of a version into it, whether or not there were others."""
    write_json(Path(version_dir) / CHECKSUMS_FILE, of_files(version_dir))


def check(version_dir: str | Path) -> None:
    """Compare a version with the checksums that it was released with; one without any passes.

    Raises:
        DataError: A file is missing or differs.
    """
    path = Path(version_dir) / CHECKSUMS_FILE
    if path.is_file():
        _compare(read_json(path), version_dir)


def _compare(expected: dict[str, str], folder: str | Path) -> None:
    found = of_files(folder)
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) == found.get(name):
            continue
        what = "is missing" if name not in found else "was not released" if name not in expected else "has other bytes"
        raise DataError(
            f"'{folder}' is damaged: '{name}' {what}.",
            hint="look at the disk; `estafet run` makes the version anew.",
        )


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
