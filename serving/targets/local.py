"""A folder that a model server watches: versions appear in it whole, under a number, by renaming.

<models_dir>/<name>/<number>/        served
<models_dir>/<name>/.tmp-<random>/   being copied; servers do not look at it, and the next release removes what a
                                     killed one left
<models_dir>/<name>/.release/        what releases remember: journal, history, versions that were withdrawn
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from estafet.errors import ConfigError, DataError
from estafet.release import Release
from estafet.versions import find_versions, newest_version
from serving.targets import canary, checksums
from serving.targets.folder_memory import FolderLock, FolderMemory

STAGE_PREFIX = ".tmp-"
RELEASE_FOLDER = ".release"
WITHDRAWN_FOLDER = "withdrawn"
LOCK_FILE, COPIES_LOCK_FILE = "lock", "copies.lock"
STAGED_VERSION = 1


class LocalTarget:
    """The versions of one model under one folder.

    Attributes:
        folder: The model's folder.
        release_folder: Folder for what releases remember; servers take it for no version.
        memory: What they remember.
    """

    def __init__(self, models_dir: str | Path, name: str):
        """Look at the model `name` under `models_dir`."""
        self.name = name
        self.folder = Path(models_dir) / name
        self.release_folder = self.folder / RELEASE_FOLDER
        self.memory = FolderMemory(self.release_folder)
        self._withdrawn_folder = self.release_folder / WITHDRAWN_FOLDER

    def exists(self) -> bool:
        """Whether anything was ever released."""
        return self.folder.is_dir()

    def versions(self) -> dict[int, Path]:
        """Return the published versions, newest first; none where nothing was published yet."""
        return find_versions(self.folder) if self.folder.is_dir() else {}

    def newest(self) -> tuple[int, Path] | None:
        """Return the newest version's number and folder, or None where nothing was published yet."""
        return newest_version(self.folder)

    def withdrawn(self) -> dict[int, Path]:
        """Return the versions that were taken back, newest first; no server sees them."""
        return find_versions(self._withdrawn_folder) if self._withdrawn_folder.is_dir() else {}

    def papers(self, number: int) -> Release | None:
        """Return what a version's folder says of itself, or None for one that no release of ours put there."""
        folder = self.versions().get(number) or self.withdrawn().get(number)
        if folder is None:
            return None
        try:
            return Release.load(folder)
        except (DataError, ValueError, OSError):
            return None

    def lock(self) -> FolderLock:
        """Return the lock of this model's releases, not taken.

        Raises:
            ConfigError: The folder cannot be written.
        """
        try:
            return FolderLock(self.release_folder)
        except (PermissionError, FileExistsError, NotADirectoryError) as error:
            raise self._unwritable(error) from error

    def stage(self, servable: str | Path) -> Stage:
        """Copy a version beside the published ones, where no server sees it.

        Args:
            servable: The version's folder.

        Returns:
            The copy, to be used as a context manager: what is not published is removed at its end.

        Raises:
            ConfigError: The folder cannot be written.
            DataError: There is no such version, or it is empty.
        """
        servable = Path(servable)
        if not servable.is_dir() or not any(servable.iterdir()):
            raise DataError(f"there is no model in '{servable}'.", hint="run the pipeline up to its export step.")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.remove_leftovers()
            return Stage(self, servable)
        except (PermissionError, FileExistsError, NotADirectoryError) as error:
            raise self._unwritable(error) from error

    def next_number(self, wanted: str = "") -> int:
        """Return the number for a new version: the wanted one, if it is above all that are there, else the next."""
        newest = max([*self.versions(), *self.withdrawn()], default=0)
        return int(wanted) if wanted.isdigit() and int(wanted) > newest else newest + 1

    def withdraw(self, number: int) -> None:
        """Take a version back, in one rename: servers go over to the newest that is left. Nothing where it is gone."""
        folder = self.versions().get(number)
        if folder is None:
            return
        self._withdrawn_folder.mkdir(parents=True, exist_ok=True)
        os.rename(folder, self._withdrawn_folder / folder.name)
        _sync(self._withdrawn_folder)
        _sync(self.folder)

    def restore(self, number: int) -> None:
        """Publish a version that was withdrawn once more, in one rename. Nothing where it is published."""
        folder = self.withdrawn().get(number)
        if folder is None or number in self.versions():
            return
        os.rename(folder, self.folder / folder.name)
        _sync(self.folder)

    def prune(self, num_kept: int) -> list[int]:
        """Remove all but the newest `num_kept` versions, each by renaming it out of the servers' sight first.

        Of those that were withdrawn as many stay.

        Returns:
            The numbers of the versions that were removed.
        """
        removed = []
        old = [*list(self.versions().items())[num_kept:], *list(self.withdrawn().items())[num_kept:]]
        for number, folder in old:
            grave = Path(tempfile.mkdtemp(prefix=STAGE_PREFIX, dir=self.folder))
            try:
                folder.rename(grave / str(number))
                removed.append(number)
            except FileNotFoundError:
                pass  # another release has removed it
            shutil.rmtree(grave, ignore_errors=True)
        return removed

    def begin_canary(self, *, stable: int, tried: int, share: float) -> canary.Marker:
        """Tell the servers of the folder to give a share of the requests to a version that will appear."""
        return canary.begin(self.release_folder, stable=stable, canary=tried, share=share)

    def marker(self) -> canary.Marker | None:
        """Return what the servers were told of a canary, or None where there is none."""
        return canary.read_marker(self.release_folder)

    def reports(self, marker: canary.Marker) -> list[canary.Report]:
        """Return what the servers of the folder say of a canary."""
        return canary.read_reports(self.release_folder, marker)

    def settle(self, *, is_back: bool = False) -> None:
        """End a canary: servers go over to the newest version by themselves."""
        canary.end(self.release_folder)

    def _unwritable(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"the folder '{self.folder}' cannot be written: {error.strerror}.",
            hint="correct deploy.models_dir, or its permissions.",
        )

    def remove_leftovers(self) -> None:
        """Remove what a killed release left behind; the copy of one that is still running is locked and stays."""
        with _alone_in(self.folder):
            for folder in self.folder.glob(f"{STAGE_PREFIX}*"):
                try:
                    with (folder / LOCK_FILE).open("rb") as lock:
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        shutil.rmtree(folder, ignore_errors=True)
                except FileNotFoundError:
                    shutil.rmtree(folder, ignore_errors=True)
                except BlockingIOError:
                    continue


class Stage:
    """A copy of a version that is not published yet.

    Attributes:
        version_dir: The copy.
        models_dir: Folder that a server can be pointed at to serve the copy alone, under the model's name.
        output_dir: Folder for what belongs to the release and goes with it.
    """

    def __init__(self, target: LocalTarget, servable: Path):
        """Copy `servable`; every file is on disk when this returns, and was read back and found to be the same.

        Raises:
            DataError: A file of the copy is not what was copied.
        """
        self._target = target
        self._root, self._lock = _locked_folder(target.folder)
        self.models_dir, self.output_dir = self._root / "models", self._root
        self.version_dir = self.models_dir / target.name / str(STAGED_VERSION)
        try:
            shutil.copytree(servable, self.version_dir)
            self.sync()
            checksums.check_copy(servable, self.version_dir)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def sync(self) -> None:
        """See to it that every file of the copy is on disk."""
        sync_tree(self.version_dir)

    def publish(self, wanted: int | None = None) -> int:
        """Give the copy its number, in one rename.

        Args:
            wanted: The number to take, if it is above all that are there; otherwise the next free one is taken.

        Returns:
            The number. Two releases at once never get the same.
        """
        while True:
            newest = max([*self._target.versions(), *self._target.withdrawn()], default=0)
            number = wanted if wanted is not None and wanted > newest else newest + 1
            try:
                os.rename(self.version_dir, self._target.folder / str(number))
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    continue  # another release was faster
                raise
            _sync(self._target.folder)
            return number

    def close(self) -> None:
        """Remove what is left of the copy."""
        shutil.rmtree(self._root, ignore_errors=True)
        self._lock.close()


def _locked_folder(parent: Path) -> tuple[Path, object]:
    """Return a new folder, and its lock file, which the system frees even when this process is killed."""
    with _alone_in(parent):  # or another release takes it for a leftover before it is locked
        folder = Path(tempfile.mkdtemp(prefix=STAGE_PREFIX, dir=parent))
        lock = (folder / LOCK_FILE).open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return folder, lock


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other releases from making or removing copies in a folder meanwhile."""
    release_folder = folder / RELEASE_FOLDER
    release_folder.mkdir(exist_ok=True)
    with (release_folder / COPIES_LOCK_FILE).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sync_tree(folder: Path, *, deep: bool = True) -> None:
    """See to it that a folder is on disk, with all that is in it (`deep`), or only its list of names."""
    for path in folder.rglob("*") if deep else ():
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
