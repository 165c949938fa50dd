"""Where the files of versions are kept for a cluster's servers: a bucket, or a volume that is mounted everywhere."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

from estafet.errors import ConfigError
from estafet.storage import SCHEME, list_objects
from estafet.storage.uploading import remove_folder, upload_folder
from serving.targets import checksums
from serving.targets.local import STAGE_PREFIX, sync_tree

GRAPH = "saved_model.pb"
"""What makes a folder a SavedModel; it arrives last."""


class Shelf(ABC):
    """The versions of one model, as files.

    `<base>/<number>/` is the layout that TensorFlow Serving reads. Where each version needs a folder of its own with
    nothing but a numbered folder in it, as on KServe, it is `<base>/v<number>/<number>/`.
    """

    def __init__(self, base: str, *, nests: bool):
        """Keep them below `base`; `nests` gives each a folder of its own."""
        self.base, self._nests = base.rstrip("/"), nests

    def address(self, number: int) -> str:
        """Return the folder of a version."""
        return f"{self.parent(number)}/{number}"

    def parent(self, number: int) -> str:
        """Return the folder in which a version stands under its number."""
        return f"{self.base}/v{number}" if self._nests else self.base

    def numbers(self) -> set[int]:
        """Return the numbers that are taken, whoever took them."""
        names = self._names()
        return {int(name) for name in (n.removeprefix("v") if self._nests else n for n in names) if name.isdigit()}

    @abstractmethod
    def put(self, version_dir: Path, number: int) -> None:
        """Write a version, and see that it is what was copied.

        Raises:
            DataError: It is not, or nothing may be written.
            ConfigError: The folder cannot be written.
        """

    def remove(self, number: int) -> None:
        """Remove a version; nothing where there is none."""
        self._remove(f"{self.base}/v{number}" if self._nests else self.address(number))

    @abstractmethod
    def storage_uri(self, number: int) -> str:
        """Return the address of `parent(number)` as KServe takes it."""

    @abstractmethod
    def _names(self) -> Iterable[str]: ...

    @abstractmethod
    def _remove(self, folder: str) -> None: ...


class BucketShelf(Shelf):
    """Versions in Cloud Storage; servers are told of one only when all of it is there."""

    def put(self, version_dir: Path, number: int) -> None:
        """Write a version, its graph last, and compare the CRC32C of every object."""
        upload_folder(version_dir, self.address(number), last=GRAPH)

    def storage_uri(self, number: int) -> str:
        """Return the address of the folder around a version."""
        return self.parent(number)

    def _names(self) -> Iterable[str]:
        below = (item.url.removeprefix(f"{self.base}/") for item in list_objects(f"{self.base}/"))
        return {name.partition("/")[0] for name in below}

    def _remove(self, folder: str) -> None:
        remove_folder(folder)


class VolumeShelf(Shelf):
    """Versions on a volume: each is copied under a hidden name and renamed."""

    def __init__(self, base: str, *, nests: bool, claim: str, models_dir: str):
        """Keep them below `base`, on the claim that is mounted at `models_dir`."""
        super().__init__(base, nests=nests)
        self.claim, self._models_dir = claim, models_dir.rstrip("/")

    def put(self, version_dir: Path, number: int) -> None:
        """Copy a version, compare every file, and give it its name in one rename."""
        target, hidden = Path(self.address(number)), self._hidden(number)
        shutil.rmtree(hidden, ignore_errors=True)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            hidden.mkdir()
        except OSError as error:
            raise ConfigError(
                f"the folder '{target.parent}' cannot be written: {error.strerror}.",
                hint="deploy.models_dir is the path at which the volume of deploy.servers.volume_claim is mounted, "
                "here and in the servers' pods.",
            ) from error
        try:
            copy = hidden / str(number)
            shutil.copytree(version_dir, copy)
            sync_tree(copy)
            checksums.check_copy(version_dir, copy)
            copy.rename(target)
            sync_tree(target.parent, deep=False)
        finally:
            shutil.rmtree(hidden, ignore_errors=True)

    def remove(self, number: int) -> None:
        """Remove a version, or what a killed release had copied of it."""
        shutil.rmtree(self._hidden(number), ignore_errors=True)
        super().remove(number)

    def storage_uri(self, number: int) -> str:
        """Return the address of the folder around a version on the claim."""
        return f"pvc://{self.claim}{self.parent(number).removeprefix(self._models_dir)}"

    def _names(self) -> Iterable[str]:
        folder = Path(self.base)
        return [path.name for path in folder.iterdir()] if folder.is_dir() else []

    def _hidden(self, number: int) -> Path:
        return Path(self.base, f"{STAGE_PREFIX}{number}")

    def _remove(self, folder: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)


def open_shelf(models_dir: str, name: str, *, nests: bool, claim: str | None) -> Shelf:
    """Return where a model's versions are kept."""
    base = f"{models_dir.rstrip('/')}/{name}"
    if models_dir.startswith(SCHEME):
        return BucketShelf(base, nests=nests)
    return VolumeShelf(base, nests=nests, claim=claim or "", models_dir=models_dir)
