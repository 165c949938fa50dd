"""What a training minimises and what it is judged by, for each task."""

from __future__ import annotations

import keras
from keras import ops

from estafet.runfile.tasks import JUDGED_BY as JUDGED_BY
from estafet.runfile.tasks import Task
from estafet.training.models import ModelSpec


class ScaledError(keras.losses.Loss):
    """Squared or Huber error in standard deviations of the label, so that no learning rate depends on its unit.

    Args:
        scale: Standard deviation of the label.
        robust: Whether errors above one standard deviation count in proportion, not squared.
    """

    def __init__(self, scale: float, *, robust: bool = False):
        super().__init__(name="scaled_error")
        self.scale, self.robust = scale, robust

    def call(self, y_true, y_pred):
        """Return the error of each example, shape (N,)."""
        error = (ops.reshape(y_pred, ops.shape(y_true)) - y_true) / self.scale
        error = ops.reshape(error, (ops.shape(error)[0], -1))
        losses = ops.square(error) / 2
        if self.robust:
            losses = ops.where(ops.abs(error) > 1, ops.abs(error) - 0.5, losses)
        return ops.mean(losses, axis=-1)


def loss_for(spec: ModelSpec) -> keras.losses.Loss:
    """Return what is minimised: cross-entropy, squared error or, for forecasts, Huber's."""
    if spec.task.is_classification:
        return keras.losses.SparseCategoricalCrossentropy()
    return ScaledError(spec.label_scale, robust=spec.task is Task.FORECASTING)


def metrics_for(spec: ModelSpec) -> list[keras.metrics.Metric]:
    """Return new metrics to follow: accuracy and log loss, or errors in the label's unit."""
    if spec.task.is_classification:
        return [
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
            keras.metrics.SparseCategoricalCrossentropy(name="log_loss"),
        ]
    return [keras.metrics.RootMeanSquaredError(name="rmse"), keras.metrics.MeanAbsoluteError(name="mae")]


def optimizer_for(name: str, learning_rate: float) -> keras.optimizers.Optimizer:
    """Return the run file's optimiser: adam, adamw or sgd (with Nesterov momentum 0.9)."""
    if name == "sgd":
        return keras.optimizers.SGD(learning_rate, momentum=0.9, nesterov=True)
    return {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}[name](learning_rate)
