"""The default forecaster, `nlinear`: linear in the differences from the last value, started as a seasonal forecast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from estafet.runfile.space import Range
from estafet.training.models import series
from estafet.training.models.spec import ModelSpec

DEFAULTS: dict[str, Any] = {"units": 0, "l2": 0.0}


def build(spec: ModelSpec, hyperparameters: Mapping[str, Any]):
    """Return a model that forecasts all steps of the horizon at once.

    Args:
        spec: Its input is `values`, float32 (N, lookback, channels), the series to forecast first and what is told of
            the calendar last; of that, the model takes the last step's.
        hyperparameters: `units` of a hidden layer beside the linear path, 0 for none; `l2`, the weight penalty.

    Source:
        Zeng et al., "Are Transformers Effective for Time Series Forecasting?", 2023 (NLinear).
    """
    import keras
    from keras import layers

    from estafet.training.layers import SinceLast

    inputs, channels, l2 = spec.inputs(), spec.schema.numeric, hyperparameters["l2"]
    penalty = keras.regularizers.L2(l2) if l2 else None
    since_last = SinceLast([c.mean for c in channels], [c.std for c in channels], name="since_last")
    values, told = inputs["values"], []
    if spec.schema.calendar:
        values, told = values[:, :, : len(channels)], [values[:, -1, len(channels) :]]
    differences, last = since_last(values)
    if told:
        differences = layers.Concatenate()([differences, *told])
    linear = layers.Dense(spec.horizon, kernel_regularizer=penalty, name="linear")
    change = linear(differences)
    linear.set_weights([seasonal_kernel(spec), np.zeros(spec.horizon, np.float32)])
    if units := hyperparameters["units"]:
        hidden = layers.Dense(units, activation="relu", kernel_regularizer=penalty)(differences)
        change = layers.Add()([change, layers.Dense(spec.horizon, kernel_initializer="zeros")(hidden)])
    return keras.Model(inputs, series.rescale(spec, change, last), name="forecasting")


def seasonal_kernel(spec: ModelSpec) -> np.ndarray:
    """Return the weights that repeat last season's changes, shape (lookback × stored channels + calendar's, horizon).

    Step h ahead of the last value x(t) is x(t) + x(t + h − k·season) − x(t − k·season), with the smallest k that makes
    it known. The weights are zero (repeat the last value) where there is no season, or the lookback does not span it.
    """
    num_channels = len(spec.schema.numeric)
    kernel_LCH = np.zeros((spec.lookback, num_channels, spec.horizon), np.float32)
    for step in range(spec.horizon):
        past = spec.season * -(-(step + 1) // spec.season)
        if spec.season > 1 and past < spec.lookback:
            now = spec.lookback - 1
            kernel_LCH[now - past + step + 1, 0, step] += 1
            kernel_LCH[now - past, 0, step] -= 1
    told_KH = np.zeros((spec.num_channels - num_channels, spec.horizon), np.float32)
    return np.concatenate([kernel_LCH.reshape(-1, spec.horizon), told_KH])


def search_space(spec: ModelSpec) -> dict[str, Range]:
    """Return the ranges that are worth searching."""
    return {
        "learning_rate": Range(low=1e-4, high=1e-2, scale="log"),
        "batch_size": Range(choices=(32, 64, 128, 256)),
        "units": Range(choices=(0, 32, 64)),
        "l2": Range(choices=(0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)),
    }
