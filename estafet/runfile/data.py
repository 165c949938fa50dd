"""The `data` section: where the raw data are, what to learn from them, and how to split them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from estafet.runfile.section import Section


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Split(Section):
    """How the examples are divided; the three shares add up to 1."""

    train: float = Field(0.8, gt=0, lt=1)
    """Share of the examples that the model learns from."""
    validation: float = Field(0.1, ge=0, lt=1)
    """Share that decides about early stopping and hyperparameters."""
    test: float = Field(0.1, gt=0, lt=1)
    """Share held out for `evaluate`; nothing before it sees these examples."""
    by: Literal["auto", "hash", "stratified", "time"] = "auto"
    """`hash`: by the content of each example, so that exact duplicates fall into one split and adding rows moves none;
    `stratified`: the same with the exact shares in each class, where adding rows may move a few at the border;
    `time`: the newest rows are held out; `auto`: `time` for forecasting, `hash` for everything else."""
    group_by: str | None = None
    """Column whose equal values stay together in one split, such as a patient's number; it is no feature."""
    k_folds: int | None = Field(None, ge=2, le=20)
    """For small data: all that is not for `test` is divided into so many folds for cross-validation. What reads no
    fold in particular takes the first as `validation` and the others as `train`, whose shares do not count then."""
    seed: int = Field(0, ge=0)
    """Salt of the hash; another seed gives another split."""

    @model_validator(mode="after")
    def _fits_together(self) -> Split:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + validation + test must be 1, not {total:g}")
        for key in ("group_by", "k_folds"):
            if self.by == "time" and getattr(self, key) is not None:
                raise ValueError(f"a split by time and {key} do not go together; take one of them out")
        if self.by == "stratified" and self.group_by is not None:
            raise ValueError(
                "a stratified split and group_by do not go together, as a group has rows of several classes; "
                "take one of them out"
            )
        return self


class Window(Section):
    """What one example of a time series is: `lookback` steps in, `horizon` steps out."""

    lookback: int = Field(24, ge=1)
    """Number of past steps that the model sees."""
    horizon: int = Field(1, ge=1)
    """Number of future steps that the model forecasts."""
    stride: int = Field(1, ge=1)
    """Number of steps between the starts of two neighbouring windows."""
    season: int = Field(1, ge=1)
    """Number of steps in one season; the seasonal-naive baseline repeats the value of one season ago."""


class Data(Section):
    """Where the raw data are, what to learn from them, and how to split them."""

    source: Annotated[
        tuple[str, ...], BeforeValidator(_as_tuple, json_schema_input_type=str | tuple[str, ...]), Field(min_length=1)
    ]
    """File, folder or glob, relative to the run file (or `gs://…`); a list is read as one data set, in order. Folders
    named `key=value` (Hive partitions) around Parquet files become columns."""
    format: Literal["auto", "csv", "parquet", "images", "npz"] = "auto"
    """`images` is one folder for each class, with PNG or JPEG files, or with `labels` any folder; `npz` holds arrays
    named `x_train`, `y_train` (or `x`, `y`). `auto` tells by the ending of the first file."""
    labels: str | None = None
    """For images that are not in a folder for each class: the CSV file that gives each image's class, in the column
    that `label` names; relative to the run file (or `gs://…`)."""
    image_column: str | None = None
    """Column of `labels` with each image's path, relative to `source`; where it is not given, the first column whose
    first value is such a path."""
    label: str | None = None
    """Column to predict; for forecasting, the series. Image folders and `.npz` files need none."""
    features: tuple[str, ...] | None = None
    """Columns to learn from; all but `label`, `time` and `ignore` where it is not given."""
    ignore: tuple[str, ...] = ()
    """Columns to leave out, such as an identifier."""
    text: Annotated[
        tuple[str, ...] | None, BeforeValidator(_as_tuple, json_schema_input_type=str | tuple[str, ...] | None)
    ] = None
    """For tables: columns of free text, such as reviews, from whose words the model learns. Where it is not given,
    columns of words are taken for text if nearly all of their values are different and several words long; `[]`
    takes none."""
    time: str | None = None
    """Column with the time of each row; forecasting needs it, and so does `split.by: time`."""
    delimiter: str = Field(",", min_length=1, max_length=1)
    """Character between two fields of a CSV file."""
    quote: str = Field('"', min_length=1, max_length=1)
    """Character around a field of a CSV file that holds the delimiter or a line break; doubled inside of it."""
    encoding: str = "auto"
    """Encoding of a CSV file, such as `latin-1` or `utf-16`; `auto` goes by the byte-order mark, and is UTF-8 without
    one."""
    decimal: Literal[".", ","] = "."
    """Character before the fraction of a number in a CSV file."""
    image_size: tuple[int, int] | None = None
    """Height and width in pixels to which images are resized; where it is not given, that of the first image."""
    channels: Literal[1, 3] | None = None
    """1 for grey, 3 for colour; where it is not given, that of the first image."""
    check_images: Literal["auto", "decode", "structure"] = "auto"
    """`decode` decodes every image once; `structure` walks through its segments and checksums, which is many times
    faster and misses only damaged pixels inside a whole file; `auto` decodes up to 20,000 images, and of more only
    the first 1,000."""
    schema_file: str | None = None
    """JSON file, relative to the run file, with what the data must be like: types, ranges, categories, missing shares.
    `ingest` writes one into each data set (`schema.json`), and `estafet inspect --schema` one for a source: edit it,
    and pin it here."""
    on_anomaly: Literal["fail", "quarantine", "ignore"] = "fail"
    """What rows and images get that are not as they should be. `fail`: more than `max_bad_share` of them end the step,
    and fewer are left out; `quarantine`: they are left out, however many; `ignore`: they are used as far as they can
    be, what cannot be read being missing. What is left out is kept with its reason in the data set's `quarantine`
    folder."""
    max_bad_share: float = Field(0.0, ge=0, lt=1)
    """Share of rows or images with an anomaly that `on_anomaly: fail` leaves out with a warning; above it the step
    fails."""
    series_by: Annotated[tuple[str, ...], BeforeValidator(_as_tuple, json_schema_input_type=str | tuple[str, ...])] = ()
    """For forecasting: columns that tell several series apart, such as `[store, item]`."""
    frequency: str | None = None
    """For forecasting: the time between two steps, as pandas writes it, such as `15min`, `h`, `D`, `W-SAT` or `MS`;
    where it is not given, what the times show."""
    gaps: Literal["fail", "fill", "resample"] = "fail"
    """For forecasting, what happens where a step is missing. `fail`: the run ends, naming the first; `fill`: it gets
    the values of the step before it; `resample`: all rows of one step of `frequency` are averaged, and then gaps are
    filled. What was filled is counted in the manifest."""
    timezone: str | None = None
    """Time zone of times that name none, such as `Europe/Berlin`, so that an hour that the change to winter time
    repeats is told apart; UTC where it is not given."""
    calendar: tuple[Literal["hour", "weekday", "day", "month"], ...] = ()
    """For forecasting: what the model is told of the time of each step, as sine and cosine: the hour of the day, the
    day of the week, of the month, the month of the year (in UTC)."""
    split: Split = Split()
    """How the examples are divided."""
    window: Window = Window()
    """For forecasting: what one example is."""
    shard_mb: float = Field(64, gt=0, le=1024)
    """Size in megabytes at which a TFRecord shard is closed and the next one begun."""
    layout: Literal["vectors", "columns"] = "vectors"
    """How a row becomes a `tf.train.Example`. `vectors`: all numbers in one float and one int64 vector, whose names
    the manifest has: small, and fast to read; `columns`: a key for each column, for other systems that read them."""
    compression: Literal["none", "gzip"] = "none"
    """Whether shards are compressed: smaller by a third to a half, and slower to write and to read."""
