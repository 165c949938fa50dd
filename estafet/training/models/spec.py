"""What a model must take and give: all that a builder needs to know of the data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from estafet.errors import DataError
from estafet.records import calendar
from estafet.records.manifest import Manifest
from estafet.runfile.tasks import Task
from estafet.schema import Schema

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class ModelSpec:
    """What a model must take and give.

    Attributes:
        task: What the model is asked to do.
        schema: Features and label, with the statistics of the training split.
        image_shape: Height, width and channels of an image; None for other tasks.
        lookback: Number of past steps that a forecast sees; 0 for other tasks.
        horizon: Number of future steps that are forecast; 0 for other tasks.
        season: Number of steps in one season; 1 where there is none.
    """

    task: Task
    schema: Schema
    image_shape: tuple[int, int, int] | None = None
    lookback: int = 0
    horizon: int = 0
    season: int = 1

    @classmethod
    def from_manifest(cls, manifest: Manifest) -> ModelSpec:
        """Return what a model for this data set must take and give.

        Raises:
            DataError: The manifest lacks something that its task needs.
        """
        window, schema = manifest.window, manifest.data_schema
        spec = cls(
            manifest.task,
            schema,
            manifest.image_shape,
            window.lookback if window else 0,
            window.horizon if window else 0,
            window.season if window else 1,
        )
        if spec.task.is_classification and spec.num_classes < 2:
            raise DataError(
                f"column '{schema.label.name}' holds {spec.num_classes} class(es) in the training split; "
                "a classifier needs at least 2.",
                hint="check data.label in the run file.",
            )
        if not spec.input_shapes:
            raise DataError("the data set has no features.", hint="check data.features and data.ignore.")
        return spec

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 where the task is no classification."""
        return len(self.schema.label.classes or ())

    @property
    def num_channels(self) -> int:
        """For forecasting: number of channels, the series' own and behind them those of the calendar."""
        return len(self.schema.numeric) + calendar.num_channels(self.schema.calendar)

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """For each input, by name: its shape without the batch."""
        if self.task is Task.IMAGE_CLASSIFICATION:
            return {"image": self.image_shape} if self.image_shape else {}
        if self.task is Task.FORECASTING:
            return {"values": (self.lookback, self.num_channels)} if self.schema.numeric else {}
        schema = self.schema
        widths = {"numeric": len(schema.numeric), "categorical": len(schema.categorical), "text": len(schema.text)}
        return {name: (width,) for name, width in widths.items() if width}

    @property
    def input_dtypes(self) -> dict[str, str]:
        """For each input, by name: its type."""
        dtypes = dict.fromkeys(("categorical", "text"), "string") | {"image": "uint8"}
        return {name: dtypes.get(name, "float32") for name in self.input_shapes}

    @property
    def output_width(self) -> int:
        """Numbers that the model gives for one example: probabilities, one value, or `horizon` values."""
        if self.task.is_classification:
            return self.num_classes
        return self.horizon if self.task is Task.FORECASTING else 1

    @property
    def label_scale(self) -> float:
        """Standard deviation of what is predicted, in its own unit; 1 for classification and a constant label."""
        if self.task is Task.FORECASTING:
            return self.schema.numeric[0].std or 1.0
        return self.schema.label.std or 1.0

    def inputs(self) -> dict[str, keras.KerasTensor]:
        """Return a Keras input for each of the model's inputs, by name."""
        import keras

        dtypes = self.input_dtypes
        return {name: keras.Input(shape, name=name, dtype=dtypes[name]) for name, shape in self.input_shapes.items()}
