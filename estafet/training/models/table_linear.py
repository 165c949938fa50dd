"""A linear model of tables: one weight for each number, flag and word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estafet.runfile.space import Range
from estafet.training.models import tables
from estafet.training.models.spec import ModelSpec

DEFAULTS: dict[str, Any] = {"l2": 1e-4}


def build(spec: ModelSpec, hyperparameters: Mapping[str, Any]):
    """Return a linear (regression) or multinomial logistic (classification) model that starts at zero.

    Columns of more than 16 words come as short learned vectors, as in all architectures of tables.

    Args:
        spec: Its inputs are those of a table.
        hyperparameters: `l2`, the penalty on the weights.
    """
    import keras
    from keras import layers

    inputs, l2 = spec.inputs(), hyperparameters["l2"]
    stretched = layers.Rescaling(tables.WIDE_STRETCH)(tables.encode(spec, inputs, hyperparameters))
    total = layers.Dense(
        spec.output_width, kernel_initializer="zeros", kernel_regularizer=keras.regularizers.L2(l2) if l2 else None
    )(stretched)
    return keras.Model(inputs, tables.answer(spec, total), name="linear")


def search_space(spec: ModelSpec) -> dict[str, Range]:
    """Return the ranges that are worth searching."""
    return {
        "learning_rate": Range(low=5e-4, high=5e-2, scale="log"),
        "batch_size": Range(choices=(16, 32, 64, 128, 256)),
        "l2": Range(low=1e-6, high=1e-1, scale="log"),
    }
