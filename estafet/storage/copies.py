"""Local copies of what is in buckets, for as long as they are read."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from estafet.errors import DataError
from estafet.storage.address import SCHEME, Address, file_name
from estafet.storage.fetching import fetch
from estafet.storage.objects import StoredObject, list_objects
from estafet.telemetry import Progress, silent

OBJECTS_FOLDER = "objects"
TREE_FOLDER = "tree"


@contextmanager
def local_copies(
    sources: tuple[str, ...], *, folder: str | Path | None = None, progress: Progress = silent
) -> Iterator[tuple[str, ...]]:
    """Give the sources as local paths and globs; what is in a bucket is downloaded for as long as the block lasts.

    Args:
        sources: Paths and globs, each local or `gs://BUCKET/…`.
        folder: Where downloads are kept until a block ends without an error: one that is killed or fails is gone on
            with where it stopped, and in the end the folder is removed. Without one, or while another process uses it,
            nothing is kept.
        progress: Told how many bytes are there, of how many.

    Raises:
        ConfigError: An address is of a storage that Estafet does not read.
        DataError: Nothing is there, or it may not be read, or it changed while it was downloaded.
        ServiceUnavailable: Cloud Storage does not answer.
        StepFailed: The disk is full.
    """
    if not any(source.startswith(SCHEME) for source in sources):
        yield sources
        if folder is not None:
            with suppress(OSError):
                os.rmdir(folder)
        return
    with _place(folder) as place:
        yield _copies(sources, place, progress)


@contextmanager
def _place(folder: str | Path | None) -> Iterator[Path]:
    """Give a folder of our own; one that is to be kept is removed only after a block without an error."""
    if folder is not None:
        with _locked(Path(folder)) as is_ours:
            if is_ours:
                yield Path(folder)
                shutil.rmtree(folder, ignore_errors=True)
                return
    with tempfile.TemporaryDirectory(prefix="estafet-source-") as temporary:
        yield Path(temporary)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _copies(sources: Sequence[str], place: Path, progress: Progress) -> tuple[str, ...]:
    progress("listing what is in the bucket")
    meant = {source: _listed(source) for source in sources if source.startswith(SCHEME)}
    stored = {_key(item): item for found in meant.values() for item in found}
    kept = place / OBJECTS_FOLDER
    kept.mkdir(parents=True, exist_ok=True)
    _remove_stale(kept, stored)
    paths = fetch(stored, kept, progress)
    shutil.rmtree(place / TREE_FOLDER, ignore_errors=True)
    local = list(sources)
    for number, source in enumerate(sources):
        if source in meant:
            root = place / TREE_FOLDER / str(number)
            _link(((item, paths[_key(item)]) for item in meant[source]), root)
            local[number] = _local(Address.parse(source), root)
    return tuple(local)


def _listed(uri: str) -> list[StoredObject]:
    found = list_objects(uri)
    if not found:
        raise DataError(f"there is nothing at '{uri}'.", hint=f"list what there is: gcloud storage ls {uri}")
    return _without_marks(found)


def _without_marks(found: list[StoredObject]) -> list[StoredObject]:
    """Leave out empty objects that mark a folder; another object that has a folder's name is refused."""
    names = {item.name for item in found}
    folders = {parent.as_posix() for item in found for parent in file_name(item.bucket, item.name).parents}
    for item in found:
        if item.name in folders and item.num_bytes:
            raise DataError(
                f"'{item.url}' is an object, and there are others below it, as if it were a folder.",
                hint="rename it (gcloud storage mv), or set data.source to a glob that leaves one of them out.",
            )
    return [item for item in found if item.name not in names & folders]


def _key(item: StoredObject) -> str:
    return hashlib.sha256(f"{item.bucket}\0{item.name}\0{item.generation}".encode()).hexdigest()[:32]


def _remove_stale(kept: Path, keys: Iterable[str]) -> None:
    wanted = set(keys)
    for file in kept.iterdir():
        if file.name.partition(".")[0] not in wanted:
            file.unlink()


def _link(found: Iterable[tuple[StoredObject, Path]], root: Path) -> None:
    """Give the copies the names of their objects; links, so that the same bytes may stand at several places."""
    for item, path in found:
        link = root / item.bucket / file_name(item.bucket, item.name)
        link.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(path.resolve(), link)


def _local(address: Address, root: Path) -> str:
    path = root / address.bucket / address.name
    if path.exists() or not address.is_glob:
        return str(path)
    return f"{glob.escape(str(root / address.bucket))}/{address.name}{'/' * address.only_folder}"
