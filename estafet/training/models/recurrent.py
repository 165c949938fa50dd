"""Recurrent forecasters, LSTM and GRU, which read a window step by step."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from estafet.runfile.space import Range
from estafet.training.models import series
from estafet.training.models.spec import ModelSpec

DEFAULTS: dict[str, Any] = {"units": 32, "layers": 1, "dropout": 0.0}
POSITIVE = ("units", "layers")


def build(cell: str, spec: ModelSpec, hyperparameters: Mapping[str, Any]):
    """Return a network whose last state tells how the series goes on from its last value.

    Args:
        cell: `LSTM` or `GRU`.
        spec: Its input is `values`, float32 (N, lookback, channels), the series to forecast first.
        hyperparameters: `units` in each of the `layers`, and `dropout` behind each.

    Source:
        Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; Cho et al., "Learning Phrase Representations using
        RNN Encoder-Decoder for Statistical Machine Translation", 2014 (GRU).
    """
    import keras
    from keras import layers

    inputs, num_layers = spec.inputs(), hyperparameters["layers"]
    x, last = series.window(spec, inputs)
    for index in range(num_layers):
        # cuDNN's operation runs on no CPU and under no XLA: a SavedModel that was written beside a GPU could not be
        # served without one.
        recurrent = getattr(layers, cell)
        x = recurrent(hyperparameters["units"], return_sequences=index + 1 < num_layers, use_cudnn=False)(x)
        x = layers.Dropout(hyperparameters["dropout"])(x)
    return keras.Model(inputs, series.forecast(spec, x, last), name=cell.lower())


build_lstm = partial(build, "LSTM")
build_gru = partial(build, "GRU")


def search_space(spec: ModelSpec) -> dict[str, Range]:
    """Return the ranges that are worth searching."""
    return {
        "learning_rate": Range(low=5e-4, high=2e-2, scale="log"),
        "batch_size": Range(choices=(32, 64, 128, 256)),
        "units": Range(choices=(16, 32, 64)),
        "layers": Range(choices=(1, 2)),
        "dropout": Range(low=0.0, high=0.3),
    }
