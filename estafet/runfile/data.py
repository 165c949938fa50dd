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
    by: Literal["auto", "hash", "time"] = "auto"
    """`hash`: by the content of each example, so that exact duplicates fall into one split and adding rows moves none;
    `time`: the newest rows are held out; `auto`: `time` for forecasting, `hash` for everything else."""
    seed: int = Field(0, ge=0)
    """Salt of the hash; another seed gives another split."""

    @model_validator(mode="after")
    def _shares_add_up(self) -> Split:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + validation + test must be 1, not {total:g}")
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
    """File, folder or glob, relative to the run file (or `gs://…`); a list is read as one data set, in order."""
    format: Literal["auto", "csv", "parquet", "images", "npz"] = "auto"
    """`images` is one folder for each class, with PNG or JPEG files; `npz` holds arrays named `x_train`, `y_train`
    (or `x`, `y`). `auto` tells by the ending of the first file."""
    label: str | None = None
    """Column to predict; for forecasting, the series. Image folders and `.npz` files need none."""
    features: tuple[str, ...] | None = None
    """Columns to learn from; all but `label`, `time` and `ignore` where it is not given."""
    ignore: tuple[str, ...] = ()
    """Columns to leave out, such as an identifier."""
    time: str | None = None
    """Column with the time of each row; forecasting needs it, and so does `split.by: time`."""
    delimiter: str = Field(",", min_length=1, max_length=1)
    """Character between two fields of a CSV file."""
    decimal: Literal[".", ","] = "."
    """Character before the fraction of a number in a CSV file."""
    image_size: tuple[int, int] | None = None
    """Height and width in pixels to which images are resized; where it is not given, that of the first image."""
    channels: Literal[1, 3] | None = None
    """1 for grey, 3 for colour; where it is not given, that of the first image."""
    max_bad_share: float = Field(0.0, ge=0, lt=1)
    """Share of unreadable images, or of rows without a usable label, that is left out with a warning; above it the
    step fails. Each is named in the manifest."""
    split: Split = Split()
    """How the examples are divided."""
    window: Window = Window()
    """For forecasting: what one example is."""
    shard_mb: float = Field(64, gt=0, le=1024)
    """Size in megabytes at which a TFRecord shard is closed and the next one begun."""
