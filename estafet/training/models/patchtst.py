"""A transformer forecaster that reads a window in patches of several steps, after PatchTST."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from estafet.runfile.space import Range
from estafet.training.models import series
from estafet.training.models.spec import ModelSpec

DEFAULTS: dict[str, Any] = {
    "patch": 16,
    "units": 64,
    "heads": 4,
    "layers": 2,
    "dropout": 0.1,
    "mix_channels": True,
}
POSITIVE = ("patch", "units", "heads", "layers")


def build(spec: ModelSpec, hyperparameters: Mapping[str, Any]):
    """Return a transformer encoder over overlapping patches, whose vectors together tell how the series goes on.

    Beside the paper: differences from the last value in place of the window's own mean and deviation, layer in place
    of batch normalisation, and before each part in place of behind it, which trains without warm-up. The paper's
    channels know nothing of each other; as nothing but the first is forecast, that means to look at it alone.

    Args:
        spec: Its input is `values`, float32 (N, lookback, channels), the series to forecast first.
        hyperparameters: Steps in a `patch`, at most half the window, the next patch starting half-way through it;
            `units` of a patch's vector; `heads` and `layers` of the encoder; `dropout`; `mix_channels`, whether a patch
            holds all channels or, as in the paper, one: then the calendar is told of the last step only.

    Source:
        Nie et al., "A Time Series is Worth 64 Words: Long-term Forecasting with Transformers", ICLR 2023.
    """
    import keras
    from keras import layers

    from estafet.training.layers import Patches, Positions

    inputs, units, dropout = spec.inputs(), hyperparameters["units"], hyperparameters["dropout"]
    length = min(hyperparameters["patch"], math.ceil(spec.lookback / 2))
    steps, last = series.window(spec, inputs)
    read = steps if hyperparameters["mix_channels"] else steps[:, :, :1]
    x = Patches(length, math.ceil(length / 2))(read)
    x = layers.Dropout(dropout)(Positions()(layers.Dense(units)(x)))
    for _ in range(hyperparameters["layers"]):
        x = _encode(x, units, hyperparameters["heads"], dropout)
    x = layers.Flatten()(layers.LayerNormalization()(x))
    if spec.schema.calendar and not hyperparameters["mix_channels"]:
        x = layers.Concatenate()([x, steps[:, -1, len(spec.schema.numeric) :]])
    return keras.Model(inputs, series.forecast(spec, layers.Dropout(dropout)(x), last), name="patchtst")


def _encode(x, units: int, heads: int, dropout: float):
    from keras import layers

    normal = layers.LayerNormalization()(x)
    seen = layers.MultiHeadAttention(heads, math.ceil(units / heads), dropout=dropout)(normal, normal)
    x = layers.Add()([x, layers.Dropout(dropout)(seen)])
    hidden = layers.Dense(2 * units, activation="gelu")(layers.LayerNormalization()(x))
    return layers.Add()([x, layers.Dropout(dropout)(layers.Dense(units)(hidden))])


def search_space(spec: ModelSpec) -> dict[str, Range]:
    """Return the ranges that are worth searching."""
    half = math.ceil(spec.lookback / 2)  # no patch is longer than that; of those that are equal, the default stays
    patches = sorted({min(size, half): size for size in (4, 8, 32, DEFAULTS["patch"])}.values())
    return {
        "learning_rate": Range(low=1e-4, high=3e-3, scale="log"),
        "batch_size": Range(choices=(32, 64, 128, 256)),
        **({"patch": Range(choices=tuple(patches))} if len(patches) > 1 else {}),
        "units": Range(choices=(32, 64, 128)),
        "layers": Range(choices=(1, 2, 3)),
        "dropout": Range(low=0.0, high=0.3),
    }
