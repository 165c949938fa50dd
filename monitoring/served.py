"""The version that is being served, with its reference for drift."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from estafet import versions
from estafet.errors import DataError
from estafet.release import FOLDER, REFERENCE_FILE, Contract, Release

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ServedVersion:
    """One version directory of a served model.

    Attributes:
        model: The model's name.
        version: The number of the version.
        folder: The version directory.
    """

    model: str
    version: int
    folder: Path

    @cached_property
    def contract(self) -> Contract:
        """What the model takes and gives."""
        return Contract.load(self.folder)

    @cached_property
    def release(self) -> Release:
        """Where the model comes from."""
        return Release.load(self.folder)

    def reference(self) -> pa.Table:
        """Read the held-out rows that requests are compared with.

        Raises:
            DataError: There are none, or the file is damaged.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        hint = "run `estafet run RUN.yaml` again; evaluate writes the reference, and export keeps it with the model."
        try:
            with pq.ParquetFile(self.folder / FOLDER / REFERENCE_FILE) as file:
                table = file.read()
        except (OSError, pa.ArrowException) as error:
            raise DataError(
                f"version {self.version} of '{self.model}' has no usable reference: {error}.", hint=hint
            ) from error
        if table.num_rows == 0:
            raise DataError(f"the reference of version {self.version} of '{self.model}' has no rows.", hint=hint)
        return table


def newest_version(models_dir: str | Path, model: str) -> ServedVersion | None:
    """Return the newest whole version of a model, or None where nothing is served."""
    found = versions.newest_version(Path(models_dir) / model)
    return ServedVersion(model, *found) if found else None


def served_version(models_dir: str | Path, model: str) -> ServedVersion:
    """Return the newest version of a model.

    Raises:
        DataError: Nothing is served.
    """
    found = newest_version(models_dir, model)
    if found is None:
        raise DataError(
            f"no version of '{model}' is served in {Path(models_dir) / model}.",
            hint="deploy one with `estafet run RUN.yaml`, then `estafet serve RUN.yaml` and send requests.",
        )
    return found
