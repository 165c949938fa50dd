"""What the forecasters share: a window as differences from its last value, and the way back to a forecast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estafet.training.models.spec import ModelSpec


def window(spec: ModelSpec, inputs: Mapping[str, Any]):
    """Return the steps of the window, and the value that a forecast starts from.

    Args:
        spec: The channels and their statistics.
        inputs: `spec.inputs()`, where `values` is float32 (N, lookback, channels), NaN where missing.

    Returns:
        float32 (N, lookback, channels): how far each step is from the last one, in standard deviations, 0 where it is
        missing, and behind that what is told of the calendar as it is; and float32 (N, 1): the first channel's last
        known value.
    """
    from keras import layers

    from estafet.training.layers import SinceLast

    channels, values = spec.schema.numeric, inputs["values"]
    stored = values[:, :, : len(channels)] if spec.schema.calendar else values
    differences, last = SinceLast([c.mean for c in channels], [c.std for c in channels], name="since_last")(stored)
    steps = layers.Reshape((spec.lookback, len(channels)))(differences)
    if spec.schema.calendar:
        steps = layers.Concatenate()([steps, values[:, :, len(channels) :]])
    return steps, last


def forecast(spec: ModelSpec, features, last):
    """Return the forecast, float32 (N, horizon), that begins as `last` repeated.

    Args:
        spec: The horizon, and the deviation that changes are counted in.
        features: What the network makes of a window, (N, width).
        last: The value that the forecast starts from, (N, 1).
    """
    from keras import layers

    change = layers.Dense(spec.horizon, kernel_initializer="zeros", dtype="float32", name="change")(features)
    return rescale(spec, change, last)


def rescale(spec: ModelSpec, change, last):
    """Return `last` plus the change, (N, horizon) in standard deviations, in the unit of the label."""
    from keras import layers

    scaled = layers.Rescaling(spec.label_scale, dtype="float32")(change)
    # In this order: where N is known and equals the horizon, Keras 3.15 takes a second operand (N, 1) for a bias, and
    # adds example h's value to step h of all (since https://github.com/keras-team/keras/pull/20386).
    return layers.Add(dtype="float32", name="forecast")([last, scaled])
