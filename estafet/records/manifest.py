"""The manifest of an ingested data set: its version, its splits and their shards, and what each example holds."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from estafet.errors import DataError
from estafet.files import read_json, write_json
from estafet.runfile.tasks import Task
from estafet.schema import Schema

FORMAT = 1
MANIFEST_FILE = "manifest.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Shard(_Part):
    """One TFRecord file."""

    file: str
    """Name of the file, beside the manifest."""
    num_examples: int
    num_bytes: int
    crc32c: int
    """CRC32C of the whole file."""


class Split(_Part):
    """One split: its shards, in order."""

    shards: tuple[Shard, ...]
    num_examples: int
    """Number of records in the shards. For forecasting these are time steps, and the windows are made while reading."""
    num_context_steps: int = 0
    """For forecasting: how many of the first steps are there only to look back on, and are never forecast."""
    class_counts: tuple[int, ...] | None = None
    """For classification: number of examples of each class, in the order of the label's classes."""


class BadExample(_Part):
    """Something that was left out."""

    where: str
    """File, and row (from 1, header not counted) where there is one."""
    reason: str


class WindowSpec(_Part):
    """For forecasting: what one example is, in steps."""

    lookback: int
    horizon: int
    stride: int
    season: int


class Manifest(_Part):
    """What an ingested data set holds. The layout of an example, by task:

    - tables: `numeric` float32 (num_numeric,), missing values as NaN; `categorical` bytes (num_categorical,), missing
      values as the empty string; `label` int64 (the class's index) or float32.
    - images: `image` bytes, a PNG or JPEG file as it came; `label` int64.
    - forecasting: one record for each time step, in order: `values` float32 (num_channels,), the series to forecast
      first; `time` int64, seconds since 1970 (or the row's number where there is no time).
    """

    format: int = FORMAT
    task: Task
    version: str
    """Fingerprint of contents, schema and settings, in hexadecimal."""
    splits: dict[str, Split]
    """`train`, `validation` and `test`."""
    data_schema: Schema
    image_shape: tuple[int, int, int] | None = None
    """For images: height, width and channels that the model is given."""
    window: WindowSpec | None = None
    bad_examples: tuple[BadExample, ...] = ()
    """The first hundred examples that were left out."""
    num_bad_examples: int = 0
    sources: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people call the data: the name of the first source, without its ending."""
        return Path(self.sources[0]).stem if self.sources else "examples"

    def save(self, folder: str | Path) -> None:
        """Write the manifest into the data set's folder; it comes last, so a data set without one is unfinished."""
        write_json(Path(folder) / MANIFEST_FILE, self.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: str | Path) -> Manifest:
        """Read the manifest of a data set.

        Raises:
            DataError: There is none, or a newer Estafet wrote it.
        """
        path = Path(folder) / MANIFEST_FILE
        if not path.is_file():
            raise DataError(
                f"'{folder}' is no finished data set: it has no {MANIFEST_FILE}.",
                hint="run `estafet run` again; ingest writes it last.",
            )
        values = read_json(path)
        if values.get("format") != FORMAT:
            raise DataError(
                f"'{path}' has format {values.get('format')}, and this Estafet reads format {FORMAT}.",
                hint="use the Estafet that wrote it, or ingest again.",
            )
        return cls.model_validate(values)
