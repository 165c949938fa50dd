"""What a release asks of the place that a model goes to, whatever servers watch it.

The release is: stage → smoke → warm up → canary → promote or roll back (`components/deploy/`). A target keeps the
versions, the memory of releases, and sees to it that servers serve what is published.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol

from estafet.release import Release
from serving.targets.canary import Marker, Report

Address = Path | str
"""Where a version is: a folder of this machine, or a URL."""


class Memory(Protocol):
    """What releases remember of a model; it outlives the process and, on a cluster, this machine."""

    def read(self, name: str) -> object | None:
        """Return a JSON document, or None where there is none.

        Raises:
            ValueError: It is no JSON.
        """

    def write(self, name: str, value: object) -> None:
        """Write a JSON document, whole or not at all."""

    def remove(self, name: str) -> None:
        """Remove a document; nothing where there is none."""

    def where(self, name: str) -> str:
        """Return where a document is, as a person would look for it."""


class Lock(Protocol):
    """Keeps other releases of a model out."""

    def take(self) -> bool:
        """Take it, or return False where another release has it."""

    def holder(self) -> str:
        """Return who has it, in words."""

    def close(self) -> None:
        """Give it back."""


class Staged(Protocol):
    """A version that no server sees yet; a context manager that removes what was not published.

    Attributes:
        version_dir: Its folder on this machine.
        models_dir: Folder that a server can be pointed at to serve it alone, under the model's name.
        output_dir: Folder for what belongs to the release and goes with it.
    """

    version_dir: Path
    models_dir: Path
    output_dir: Path

    def __enter__(self) -> Staged: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def sync(self) -> None:
        """See to it that what was written into it lasts."""

    def publish(self, wanted: int | None = None) -> int:
        """Give it its number. When this returns, servers have it or will by themselves.

        Args:
            wanted: The number to take, if it is above all that there are; otherwise the next free one is taken.

        Returns:
            The number.

        Raises:
            StepFailed: The servers do not take it; what was served before still is, and it is not published.
        """


class Target(Protocol):
    """The versions of one model, and the servers that they are for.

    Attributes:
        name: The model's name.
        memory: What releases remember.
        folder: Where its versions are, for people.
    """

    name: str
    memory: Memory
    folder: Address

    def exists(self) -> bool:
        """Whether anything was ever released."""

    def lock(self) -> Lock:
        """Return the lock of this model's releases, not taken.

        Raises:
            ConfigError: The place cannot be written.
        """

    def versions(self) -> Mapping[int, Address]:
        """Return the published versions, newest first; the newest is the one that is served."""

    def withdrawn(self) -> Mapping[int, Address]:
        """Return the versions that were taken back and are kept, newest first; no server sees them."""

    def newest(self) -> tuple[int, Address] | None:
        """Return the newest published version, or None where there is none."""

    def papers(self, number: int) -> Release | None:
        """Return what a version, published or withdrawn, says of itself; None where no release of ours made it."""

    def stage(self, servable: str | Path) -> Staged:
        """Copy a version to where no server sees it; what is read back is compared with what was copied.

        Raises:
            ConfigError: The place cannot be written.
            DataError: There is no such version, or the copy is damaged.
        """

    def next_number(self, wanted: str = "") -> int:
        """Return the number for a new version: the wanted one, if it is above all that are there, else the next."""

    def withdraw(self, number: int) -> None:
        """Take a version back; servers follow at once, or with `settle`. Nothing where it is gone."""

    def restore(self, number: int) -> None:
        """Publish a version that was withdrawn once more. Nothing where it is published."""

    def prune(self, num_kept: int) -> list[int]:
        """Remove all but the newest `num_kept` of the published and of the withdrawn versions; return the numbers."""

    def remove_leftovers(self) -> None:
        """Remove what a killed release left behind before its version was published."""

    def begin_canary(self, *, stable: int, tried: int, share: float) -> Marker:
        """Tell the servers that a version, which is about to be published, gets a share of the requests.

        Raises:
            ConfigError: These servers cannot give such a share.
        """

    def marker(self) -> Marker | None:
        """Return what the servers were told of a canary, or None where there is none."""

    def reports(self, marker: Marker) -> list[Report]:
        """Return what the servers say of a canary; empty while none has anything to say."""

    def settle(self, *, is_back: bool = False) -> None:
        """End a canary, if there is one: the newest published version answers all requests.

        Args:
            is_back: Whether it goes back to that version: with servers as they last were in order, and not as they were
                to become.

        Raises:
            StepFailed: The servers do not take that version; they are as they were before.
        """
