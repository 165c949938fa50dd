"""Images that are files of their own, below some folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from components.ingest.images.headers import Refused
from components.ingest.images.pictures import Loaded
from components.ingest.sources.find import ENDINGS
from components.ingest.sources.folders import walk_folders
from estafet.records.manifest import Anomaly, BadExample

OTHER_ENDINGS = (".avif", ".bmp", ".gif", ".heic", ".tif", ".tiff", ".webp")
"""Of images that are not read."""
READ_BYTES = 1 << 16
"""Buffers above 128 kB are mapped and unmapped each time, which costs more than a second read."""
_NUM_FIRST = 5


@dataclass(frozen=True)
class ImageFiles:
    """Images that are files of their own; see `Pictures`.

    Attributes:
        roots: For each image the folder from which its name starts.
        names: Paths from there.
        class_names: The class of each.
        groups: For a split by groups, what each must stay together with.
        noted: What the source holds beside them.
    """

    roots: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    class_names: list[str] = field(default_factory=list)
    groups: list[str] | None = None
    noted: tuple[Anomaly, ...] = ()

    def num_bytes(self, number: int) -> int:
        """Return the size of one of them; 0 where it is not there."""
        try:
            return os.path.getsize(f"{self.roots[number]}/{self.names[number]}")
        except OSError:
            return 0

    def load(self, number: int) -> Loaded:
        """Read one of them.

        Raises:
            Refused: It is not there, or may not be read.
        """
        try:
            content = _read(f"{self.roots[number]}/{self.names[number]}")
        except FileNotFoundError as error:
            raise Refused("missing_file", "the file is not there (any more)") from error
        except PermissionError as error:
            raise Refused("undecodable", f"it cannot be read: {error.strerror}") from error
        return Loaded(content, content)


def _read(path: str) -> bytes:
    """Read a file with three system calls where it is small; `open` makes twice as many, each of which may lose the
    interpreter to another thread."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        pieces = [os.read(descriptor, READ_BYTES)]
        while len(pieces[-1]) == READ_BYTES:
            pieces.append(os.read(descriptor, READ_BYTES))
    finally:
        os.close(descriptor)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def walk(folder: str) -> Iterator[str]:
    """Yield the paths of all files below a folder that are not hidden, in order, relative to it.

    Raises:
        DataError: A folder may not be read, or a link leads nowhere.
    """
    for path, names in walk_folders(Path(folder)):
        inner = os.path.relpath(path, folder)
        yield from names if inner == "." else (f"{inner}/{name}" for name in names)


def is_image(name: str) -> bool:
    """Whether a file's name has the ending of a PNG or JPEG file."""
    return name.lower().endswith(ENDINGS["images"])


def note(kind: str, names: Iterable[str], reason: str) -> tuple[Anomaly, ...]:
    """Return what is to be reported of files that are left aside; nothing where there are none."""
    names = list(names)
    first = tuple(BadExample(where=name, reason=reason) for name in names[:_NUM_FIRST])
    return (Anomaly(column="", kind=kind, count=len(names), first=first),) if names else ()
