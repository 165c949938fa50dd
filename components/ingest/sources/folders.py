"""Walks through folders without losing anything in silence: what may not be read, or leads nowhere, is an error."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from components.ingest.sources.failures import not_allowed
from estafet.errors import DataError

WILDCARDS = "*?["


def walk(folder: Path) -> Iterator[Path]:
    """Yield all files in a folder and the folders in it, in order, but for hidden ones.

    Links to folders are followed, and a folder is visited once, however many links lead to it; a link back to a folder
    that it is in is passed over. So a loop of links does no harm.

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
    yield from _folders(folder, _folders_around(folder))


def leads_back(link: Path) -> bool:
    """Whether a link leads to a folder that it is in itself."""
    return _identity(link) in _folders_around(link)


def shown_names(files: Sequence[Path]) -> dict[Path, str]:
    """Return what each file is called, for a person: its name, or where several share one, its path within them all."""
    if len({path.name for path in files}) == len(set(files)):
        return {path: path.name for path in files}
    root = os.path.commonpath([path.parent for path in files])
    return {path: os.path.relpath(path, root) for path in files}


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _folders_around(path: Path) -> set[tuple[int, int]]:
    path = path.absolute()
    found = set()
    for folder in (*path.parents, *path.parent.resolve().parents):
        with suppress(PermissionError):  # it may stand in a folder of somebody else's
            found.add(_identity(folder))
    return found


def _folders(folder: Path, visited: set[tuple[int, int]]) -> Iterator[tuple[Path, list[str]]]:
    if (own := _identity(folder)) in visited:
        return
    visited.add(own)
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
