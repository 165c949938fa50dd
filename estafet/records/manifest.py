"""The manifest of an ingested data set: its version, its splits and their shards, and what each example holds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from estafet.errors import DataError
from estafet.files import read_json, write_json
from estafet.runfile.tasks import Task
from estafet.schema import Schema

FORMAT = 2
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


class Segment(_Part):
    """For forecasting: the steps of one series in one split, which stand together in the records."""

    key: tuple[str, ...] = ()
    """Which series it is: the values of the columns that tell several apart."""
    num_steps: int
    num_context_steps: int = 0
    """How many of the first steps are there only to look back on, and are never forecast."""


class Split(_Part):
    """One split: its shards, in order."""

    shards: tuple[Shard, ...]
    num_examples: int
    """Number of records in the shards. For forecasting these are time steps, and the windows are made while reading."""
    segments: tuple[Segment, ...] = ()
    """For forecasting: the series, in the order of the records."""
    class_counts: tuple[int, ...] | None = None
    """For classification: number of examples of each class, in the order of the label's classes."""

    @property
    def num_context_steps(self) -> int:
        """For forecasting: how many steps, of all series, are there only to look back on."""
        return sum(segment.num_context_steps for segment in self.segments)


class BadExample(_Part):
    """Something that was left out."""

    where: str
    """File, and row (from 1, header not counted) where there is one."""
    reason: str


AnomalyKind = Literal[
    "missing_label",  # no label, or one that is none
    "type",  # a value that is not of the column's type
    "infinite",
    "range",  # outside the schema's range
    "category",  # not among the schema's categories
    "missing",  # missing, or missing too often, where the schema says otherwise
    "ragged",  # a line with too few or too many fields
    "repeated_header",
    "time",  # a time that is missing or none
    "gap",  # a step that is missing, or has no value
    "duplicate",  # a time that occurs twice
    "undecodable",  # an image that cannot be read
    "unsupported",  # an image of a kind that TensorFlow does not decode
    "image_size",  # outside the schema's bounds
    "missing_file",
    "extra_column",  # a column that the pinned schema does not have
]


class Anomaly(_Part):
    """One way in which some of the data are not as they should be."""

    column: str
    """The column; empty where it is the whole row or image."""
    kind: AnomalyKind
    count: int
    """Number of rows or images."""
    first: tuple[BadExample, ...] = ()
    """The first five of them."""


class Overlap(_Part):
    """What two splits (or folds) have in common, counted while writing; a split that does not leak has none."""

    examples: int = 0
    """Examples of whose content an exact duplicate is in another split. A split by hash has none; one by time may."""
    groups: int | None = None
    """Values of the column `data.split.group_by` that occur in several splits."""
    windows: int | None = None
    """For forecasting: training windows that share a step with a window of the test or validation split."""


class WindowSpec(_Part):
    """For forecasting: what one example is, in steps."""

    lookback: int
    horizon: int
    stride: int
    season: int


class Manifest(_Part):
    """What an ingested data set holds. The layout of an example, by task:

    - tables, layout `vectors`: `numeric` float32, the schema's numbers that are stored as floats, missing values as
      NaN; `integers` int64, the others; `categorical` bytes (num_categorical,) and `text` bytes (num_text,), missing
      values as the empty string; `label` int64 (the class's index) or float32. Layout `columns`: a key for each
      feature, by its name, in place of the vectors.
    - images: `image` bytes, a PNG or JPEG file as it came; `label` int64.
    - forecasting: one record for each time step, series after series, in order: `values` float32 (num_channels,), the
      series to forecast first; `time` int64, seconds since 1970 in UTC (or whole numbers as they came).
    """

    format: int = FORMAT
    task: Task
    version: str
    """Fingerprint of contents, schema and settings, in hexadecimal."""
    splits: dict[str, Split]
    """`train`, `validation` and `test`. With folds, `validation` is the first of them, and `train` the others."""
    folds: tuple[Split, ...] = ()
    """For cross-validation: the folds, which are shards of their own."""
    data_schema: Schema
    layout: Literal["vectors", "columns"] = "vectors"
    compression: Literal["none", "gzip"] = "none"
    image_shape: tuple[int, int, int] | None = None
    """For images: height, width and channels that the model is given."""
    window: WindowSpec | None = None
    bad_examples: tuple[BadExample, ...] = ()
    """The first hundred examples that were left out."""
    num_bad_examples: int = 0
    anomalies: tuple[Anomaly, ...] = ()
    """What is not as it should be, whether it was left out or not, the most frequent first."""
    num_duplicates: int = 0
    """Examples with the same content and label as another one."""
    overlap: Overlap = Overlap()
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
            DataError: There is none, or it is damaged, or another Estafet wrote it.
        """
        path = Path(folder) / MANIFEST_FILE
        if not path.is_file():
            raise DataError(
                f"'{folder}' is no finished data set: it has no {MANIFEST_FILE}.",
                hint="run `estafet run` again; ingest writes it last.",
            )
        values = _read(path)
        if values.get("format") != FORMAT:
            raise DataError(
                f"'{path}' has format {values.get('format')}, and this Estafet reads format {FORMAT}.",
                hint="use the Estafet that wrote it, or ingest again.",
            )
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _damaged(path, error) from error


def _read(path: Path) -> dict:
    try:
        values = read_json(path)
    except ValueError as error:
        raise _damaged(path, error) from error
    if not isinstance(values, dict):
        raise _damaged(path, ValueError("it holds no object"))
    return values


def _damaged(path: Path, error: ValueError) -> DataError:
    return DataError(
        f"'{path}' is no manifest: {str(error).splitlines()[0]}.",
        hint="delete the data set's folder and ingest again.",
    )
