"""A temporal convolutional network: dilated causal convolutions that see the whole window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estafet.runfile.space import Range
from estafet.training.models import series
from estafet.training.models.spec import ModelSpec

DEFAULTS: dict[str, Any] = {"filters": 32, "kernel_size": 3, "dropout": 0.0}
POSITIVE = ("filters", "kernel_size")
_CONVOLUTIONS = 2


def build(spec: ModelSpec, hyperparameters: Mapping[str, Any]):
    """Return residual blocks, each of which looks twice as far back as the one before, until the window is seen.

    Args:
        spec: Its input is `values`, float32 (N, lookback, channels), the series to forecast first.
        hyperparameters: `filters` of each convolution, its `kernel_size` in steps, and `dropout` of whole filters.

    Source:
        Bai, Kolter and Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence
        Modeling", 2018; without its weight normalisation.
    """
    import keras

    inputs, kernel_size = spec.inputs(), hyperparameters["kernel_size"]
    x, last = series.window(spec, inputs)
    for level in range(num_blocks(spec.lookback, kernel_size)):
        x = _block(x, hyperparameters["filters"], kernel_size, 2**level, hyperparameters["dropout"])
    return keras.Model(inputs, series.forecast(spec, x[:, -1], last), name="tcn")


def num_blocks(lookback: int, kernel_size: int) -> int:
    """Return the least number of blocks whose last step sees `lookback` steps; 1 where the kernel holds a single one.

    n blocks of two convolutions with dilations 1, 2, 4, … see 1 + 2 · (kernel_size − 1) · (2ⁿ − 1) steps.
    """
    blocks = 1
    while kernel_size > 1 and 1 + _CONVOLUTIONS * (kernel_size - 1) * (2**blocks - 1) < lookback:
        blocks += 1
    return blocks


def _block(x, filters: int, kernel_size: int, dilation: int, dropout: float):
    from keras import layers

    shortcut = x if x.shape[-1] == filters else layers.Conv1D(filters, 1)(x)
    for _ in range(_CONVOLUTIONS):
        x = layers.Conv1D(
            filters,
            kernel_size,
            padding="causal",
            dilation_rate=dilation,
            activation="relu",
            kernel_initializer="he_normal",
        )(x)
        x = layers.SpatialDropout1D(dropout)(x)
    return layers.ReLU()(layers.Add()([x, shortcut]))


def search_space(spec: ModelSpec) -> dict[str, Range]:
    """Return the ranges that are worth searching."""
    return {
        "learning_rate": Range(low=3e-4, high=1e-2, scale="log"),
        "batch_size": Range(choices=(32, 64, 128, 256)),
        "filters": Range(choices=(16, 32, 64)),
        "kernel_size": Range(choices=(2, 3, 5)),
        "dropout": Range(low=0.0, high=0.3),
    }
