"""Base paths: where a model's versions are found, on a disk or in a bucket."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from estafet.versions import find_versions, number_of
from serving.server.models.whole import snapshot, what_is_missing
from serving.server.status import StatusError

logger = logging.getLogger("estafet.serving")


class Found(Protocol):
    """A version that was found."""

    def look(self) -> tuple[object, StatusError | None]:
        """Return what its files look like, as anything that is equal while they stay the same, and what is missing."""

    def bring(self) -> Path:
        """Return the folder on this machine that it is loaded from, after whatever that takes."""

    def drop(self) -> None:
        """Forget what `bring` may have made: the version is no longer in memory."""


class Place(Protocol):
    """A base path.

    Attributes:
        address: It, as a person would write it.
    """

    address: str

    def find(self) -> Mapping[int, Found]:
        """Return the versions by number, newest first.

        Raises:
            OSError: It is not there or cannot be read.
            EstafetError: A bucket does not answer.
        """

    def close(self) -> None:
        """Forget whatever was made for it."""


class LocalVersion:
    """A version in a folder of this machine."""

    def __init__(self, folder: Path):
        self.folder = folder

    def look(self) -> tuple[object, StatusError | None]:
        """Return sizes and times of its files, and what is missing."""
        return snapshot(self.folder), what_is_missing(self.folder)

    def bring(self) -> Path:
        """Return the folder."""
        return self.folder

    def drop(self) -> None:
        """Nothing was made."""


class LocalPlace:
    """A folder of this machine."""

    def __init__(self, folder: str | Path):
        self.folder, self.address = Path(folder), str(folder)
        self._doubles: set[str] = set()

    def find(self) -> Mapping[int, Found]:
        """Return the versions by number, newest first; of two with the same number the first by name counts."""
        found = find_versions(self.folder)
        taken = {path.name for path in found.values()}
        for child in self.folder.iterdir():
            number = number_of(child.name)
            if number is not None and child.name not in taken | self._doubles:
                self._doubles.add(child.name)
                logger.warning("%s: '%s' is version %d too, and is ignored", self.folder, child.name, number)
        return {number: LocalVersion(path) for number, path in found.items()}

    def close(self) -> None:
        """Nothing was made."""
