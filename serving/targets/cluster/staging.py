"""A version on this machine, before it goes to a cluster."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from estafet.errors import DataError
from serving.targets import checksums
from serving.targets.local import STAGED_VERSION, sync_tree

PREFIX = "estafet-release-"


class Candidate:
    """A copy of a version in a temporary folder; a context manager that removes it.

    Attributes:
        version_dir: The copy.
        models_dir: Folder that a server can be pointed at to serve it alone, under the model's name.
        output_dir: Folder for what belongs to the release and goes with it.
    """

    def __init__(self, servable: str | Path, name: str, publish: Callable[[Path, int | None], int]):
        """Copy a version; `publish` brings it to the cluster.

        Raises:
            DataError: There is no such version, or the copy is damaged.
        """
        servable = Path(servable)
        if not servable.is_dir() or not any(servable.iterdir()):
            raise DataError(f"there is no model in '{servable}'.", hint="run the pipeline up to its export step.")
        self._publish = publish
        self.output_dir = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.models_dir = self.output_dir / "models"
        self.version_dir = self.models_dir / name / str(STAGED_VERSION)
        try:
            shutil.copytree(servable, self.version_dir)
            checksums.check_copy(servable, self.version_dir)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Candidate:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def sync(self) -> None:
        """See to it that every file of the copy is on disk."""
        sync_tree(self.version_dir)

    def publish(self, wanted: int | None = None) -> int:
        """Bring it to the cluster, and wait until the servers have it.

        Raises:
            StepFailed: They do not take it; it is not published.
        """
        return self._publish(self.version_dir, wanted)

    def close(self) -> None:
        """Remove the copy."""
        shutil.rmtree(self.output_dir, ignore_errors=True)
