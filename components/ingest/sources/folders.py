"""Walks through folders without losing anything in silence: what may not be read, or leads nowhere, is an error."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from components.ingest.sources.failures import not_allowed
from estafet.errors import DataError

WILDCARDS = "*?["


def walk(folder: Path) -> Iterator[Path]:
    """Yield all files in a folder and the folders in it, in order, but for hidden ones.

    Links to folders are followed, and a folder is visited once, however many links lead to it: a loop of links does no
    harm.

    Raises:
        DataError: A folder may not be read, or a link leads nowhere.
    """
    for path, files in walk_folders(folder):
        yield from (path / name for name in files)


def expand(pattern: str) -> list[Path]:
    """Return what a glob matches, in order: `*`, `?` and `[…]` within a name, and `**` for any number of folders.

    Raises:
        DataError: A folder may not be read, or a link leads nowhere.
    """
    path = Path(pattern)
    first = next(i for i, part in enumerate(path.parts) if has_wildcard(part))
    found = _expand(Path(*path.parts[:first]), path.parts[first:])
    return sorted(dict.fromkeys(found))


def has_wildcard(text: str) -> bool:
    """Whether a path or a part of it is a glob."""
    return any(sign in text for sign in WILDCARDS)


def _expand(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    if not parts:
        yield folder
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        if not rest:
            yield folder
        for path, _ in walk_folders(folder) if rest else ():
            yield from _expand(path, rest)
    elif has_wildcard(part):
        for entry in entries(folder):
            matches = fnmatch.fnmatchcase(entry.name, part)
            if matches and (not rest or entry.is_dir()) and entry.name.startswith(".") <= part.startswith("."):
                yield from _expand(folder / entry.name, rest)
    elif (folder / part).exists():
        yield from _expand(folder / part, rest)


def walk_folders(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder and all in it, each with the names of its files, as `walk` does."""
    yield from _folders(folder, set())


def _folders(folder: Path, visited: set[tuple[int, int]]) -> Iterator[tuple[Path, list[str]]]:
    status = folder.stat()
    if (status.st_dev, status.st_ino) in visited:
        return
    visited.add((status.st_dev, status.st_ino))
    files, inner = [], []
    for entry in entries(folder):
        if not entry.name.startswith("."):
            (inner if entry.is_dir() else files).append(entry.name)
    yield folder, files
    for name in inner:
        yield from _folders(folder / name, visited)


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """List what a folder holds, by name; nothing where it is not there.

    Raises:
        DataError: It may not be read, or a link in it leads nowhere.
    """
    try:
        with os.scandir(folder) as listed:
            found = sorted(listed, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise not_allowed(folder) from error
    for entry in found:
        if entry.is_symlink() and not entry.name.startswith(".") and not os.path.exists(entry.path):
            raise DataError(
                f"the link '{entry.path}' leads nowhere: {os.readlink(entry.path)}.",
                hint="restore what it leads to, or remove the link.",
            )
    return found
