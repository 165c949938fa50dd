"""A multilayer perceptron for tables: hidden layers over normalised numbers and learned vectors of words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estafet.runfile.space import Range
from estafet.training.models import tables
from estafet.training.models.spec import ModelSpec

DEFAULTS: dict[str, Any] = {"units": 64, "layers": 2, "dropout": 0.2, "l2": 0.0}
POSITIVE = ("units", "layers")


def build(spec: ModelSpec, hyperparameters: Mapping[str, Any]):
    """Return hidden layers, each half as wide as the one before, and an output that starts at the label's mean.

    Args:
        spec: Its inputs are those of a table.
        hyperparameters: `units` of the first hidden layer, number of `layers`, `dropout` behind each, and `l2`, the
            penalty on their weights.
    """
    import keras
    from keras import layers

    inputs, units, l2 = spec.inputs(), hyperparameters["units"], hyperparameters["l2"]
    penalty = keras.regularizers.L2(l2) if l2 else None
    x = tables.encode(spec, inputs, hyperparameters)
    for depth in range(hyperparameters["layers"]):
        width = max(1, units // 2**depth)
        x = layers.Dense(width, activation="relu", kernel_initializer="he_normal", kernel_regularizer=penalty)(x)
        x = layers.Dropout(hyperparameters["dropout"])(x)
    total = layers.Dense(spec.output_width, kernel_initializer="zeros", kernel_regularizer=penalty)(x)
    return keras.Model(inputs, tables.answer(spec, total), name="mlp")


def search_space(spec: ModelSpec) -> dict[str, Range]:
    """Return the ranges that are worth searching."""
    return {
        "learning_rate": Range(low=3e-4, high=1e-2, scale="log"),
        "batch_size": Range(choices=(16, 32, 64, 128, 256)),
        "units": Range(choices=(32, 64, 128, 256)),
        "layers": Range(choices=(1, 2, 3)),
        "dropout": Range(low=0.0, high=0.5),
        "l2": Range(choices=(0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)),
    }
