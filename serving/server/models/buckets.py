"""Base paths in Cloud Storage: a version is downloaded into a cache folder before it is loaded.

The cache holds each generation of an object once, and the versions that are in memory; so a server that starts again
downloads only what has changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from estafet.storage import StoredObject, list_objects
from estafet.storage.address import file_name
from estafet.storage.fetching import fetch
from estafet.telemetry import silent
from estafet.versions import number_of
from serving.server.models.places import Found
from serving.server.models.whole import GRAPHS, INDEX, OLD_GRAPH, no_model, what_is_missing
from serving.server.status import Code, StatusError

OBJECTS, VERSIONS = "objects", "versions"


class BucketPlace:
    """A base path in a bucket."""

    def __init__(self, url: str, cache: Path):
        """Watch `url`, with copies below the folder `cache`."""
        self.url, self._wanted = url.rstrip("/"), cache
        self.address = self.url
        self._folder: Path | None = None
        self._lock = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def find(self) -> Mapping[int, Found]:
        """Return the versions by number, newest first, after one listing of all that is below the address.

        Raises:
            EstafetError: Cloud Storage does not answer, or there is no such bucket.
        """
        found: dict[str, list[tuple[str, StoredObject]]] = {}
        for item in list_objects(f"{self.url}/"):
            folder, _, rest = item.url.removeprefix(f"{self.url}/").partition("/")
            if rest and number_of(folder) is not None:
                found.setdefault(folder, []).append((rest, item))
        versions: dict[int, Found] = {}
        for folder in sorted(found):
            versions.setdefault(number_of(folder), BucketVersion(self, folder, dict(found[folder])))
        self._prune(item for each in found.values() for _, item in each)
        return dict(sorted(versions.items(), reverse=True))

    def close(self) -> None:
        """Leave the cache to others."""
        if self._lock is not None:
            self._lock.close()
        if self._temporary is not None:
            self._temporary.cleanup()
        self._folder = self._lock = self._temporary = None

    @property
    def folder(self) -> Path:
        """Where copies go: the cache, or a folder of our own while another server has the cache."""
        if self._folder is None:
            self._wanted.mkdir(parents=True, exist_ok=True)
            self._lock = open(self._wanted / "lock", "w")  # noqa: SIM115 - held until `close`
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._folder = self._wanted
            except BlockingIOError:
                self._lock.close()
                self._lock, self._temporary = None, tempfile.TemporaryDirectory(prefix="estafet-models-")
                self._folder = Path(self._temporary.name)
        return self._folder

    def _prune(self, items: Iterable[StoredObject]) -> None:
        """Delete copies of what is no longer in the bucket and in no version that is in memory."""
        if self._folder is None or not (self._folder / OBJECTS).exists():
            return
        kept = {key_of(item) for item in items}
        for file in (self._folder / OBJECTS).iterdir():
            if file.name.partition(".")[0] not in kept:
                file.unlink(missing_ok=True)


class BucketVersion:
    """A version in a bucket."""

    def __init__(self, place: BucketPlace, folder: str, items: Mapping[str, StoredObject]):
        self._place, self._name, self._items = place, folder, dict(items)

    def look(self) -> tuple[object, StatusError | None]:
        """Return the objects with their generations, and what is missing."""
        snapshot = tuple(sorted((name, item.generation, item.num_bytes) for name, item in self._items.items()))
        if OLD_GRAPH in self._items:
            return snapshot, None
        if not any(name in self._items for name in GRAPHS):
            return snapshot, no_model(f"{self._place.url}/{self._name}")
        has_data = any(name.startswith("variables/variables.data-") for name in self._items)
        if has_data != (INDEX in self._items):
            problem = f"The version is not complete: {INDEX} and its data are not both there."
            return snapshot, StatusError(Code.DATA_LOSS, problem)
        return snapshot, None

    def bring(self) -> Path:
        """Download what the cache does not have, and return the folder.

        Raises:
            StatusError: What arrived is not a whole version.
            EstafetError: The download failed.
        """
        kept = self._place.folder / OBJECTS
        kept.mkdir(parents=True, exist_ok=True)
        paths = fetch({key_of(item): item for item in self._items.values()}, kept, silent)
        folder = self._folder
        shutil.rmtree(folder, ignore_errors=True)
        for name, item in self._items.items():
            link = folder / file_name(item.bucket, name)
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(paths[key_of(item)], link)
        missing = what_is_missing(folder)
        if missing is not None:
            raise missing
        return folder

    def drop(self) -> None:
        """Delete the folder; the objects stay in the cache while they are in the bucket."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _folder(self) -> Path:
        """A folder for these generations, so that a version that was written anew is another folder."""
        keys = "".join(sorted(key_of(item) for item in self._items.values()))
        return self._place.folder / VERSIONS / hashlib.sha256(keys.encode()).hexdigest()[:16] / self._name


def key_of(item: StoredObject) -> str:
    """Return the name of the file that holds one generation of an object."""
    return hashlib.sha256(f"{item.bucket}\0{item.name}\0{item.generation}".encode()).hexdigest()[:32]


def cache_folder(url: str) -> Path:
    """Return where copies of what is at a `gs://` address are kept: below XDG_CACHE_HOME, or ~/.cache."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "estafet" / "models" / hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]
