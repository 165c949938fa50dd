"""A linear forecaster: every step of the horizon is a weighted sum of the normalised values of the window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estafet.runfile.space import Range
from estafet.training.models import series
from estafet.training.models.spec import ModelSpec

DEFAULTS: dict[str, Any] = {"l2": 1e-6}


def build(spec: ModelSpec, hyperparameters: Mapping[str, Any]):
    """Return a linear model of the differences from the last value and of the last step's own level.

    Together they are every linear function of the normalised values, so that it can learn to return to the mean, which
    `nlinear` cannot. It starts as the last value repeated.

    Args:
        spec: Its input is `values`, float32 (N, lookback, channels), the series to forecast first.
        hyperparameters: `l2`, the weight penalty.
    """
    import keras
    from keras import layers

    from estafet.training.layers import ImputeAndNormalise

    inputs, channels, l2 = spec.inputs(), spec.schema.numeric, hyperparameters["l2"]
    steps, last = series.window(spec, inputs)
    level = ImputeAndNormalise([c.mean for c in channels], [c.std for c in channels], name="level")(
        inputs["values"][:, -1, : len(channels)]
    )
    features = layers.Concatenate()([layers.Flatten()(steps), level])
    change = layers.Dense(
        spec.horizon, kernel_initializer="zeros", kernel_regularizer=keras.regularizers.L2(l2) if l2 else None
    )(features)
    return keras.Model(inputs, series.rescale(spec, change, last), name="linear")


def search_space(spec: ModelSpec) -> dict[str, Range]:
    """Return the ranges that are worth searching."""
    return {
        "learning_rate": Range(low=1e-4, high=1e-2, scale="log"),
        "batch_size": Range(choices=(32, 64, 128, 256)),
        "l2": Range(low=1e-7, high=1e-2, scale="log"),
    }
