"""The default model of tables: a linear path, and a small network that learns what the linear path misses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from estafet.runfile.tune import Range
from estafet.training.models.spec import ModelSpec

DEFAULTS: dict[str, Any] = {"units": 32, "layers": 2, "dropout": 0.2, "l2": 1e-3}
MAX_ONE_HOT = 16
WIDE_STRETCH = 4
MISSING = ""


def build(spec: ModelSpec, hyperparameters: Mapping[str, Any]):
    """Return the sum of a linear model and a network whose last layer starts at zero.

    Args:
        spec: Its inputs are `numeric`, float32 (N, F), NaN where missing, and `categorical`, string (N, G), empty where
            missing.
        hyperparameters: `units` and number of `layers` of the network, `dropout`, and `l2`, the penalty
            on its weights.

    Source:
        Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016.
    """
    import keras
    from keras import layers

    inputs = spec.inputs()
    encoded = encode(spec, inputs)
    l2 = hyperparameters["l2"]
    width, penalty = spec.output_width, (keras.regularizers.L2(l2) if l2 else None)
    x = encoded
    for _ in range(hyperparameters["layers"]):
        x = layers.Dense(hyperparameters["units"], activation="relu", kernel_regularizer=penalty)(x)
        x = layers.Dropout(hyperparameters["dropout"])(x)
    deep = layers.Dense(width, use_bias=False, kernel_initializer="zeros", kernel_regularizer=penalty)(x)
    # Adam's steps do not depend on the gradient's size, so stretched inputs let the linear path learn faster: small
    # tables have few steps, and its weights may have far to go.
    wide = layers.Dense(width, kernel_initializer="zeros")(layers.Rescaling(WIDE_STRETCH)(encoded))
    total = layers.Add()([wide, deep])
    if spec.task.is_classification:
        outputs = layers.Softmax(name="probabilities")(total)
    else:
        outputs = layers.Rescaling(spec.label_scale, spec.schema.label.mean or 0.0, name="prediction")(total)
    return keras.Model(inputs, outputs, name="tables")


def encode(spec: ModelSpec, inputs: Mapping[str, Any]):
    """Return all columns as one float32 vector: numbers normalised, words one-hot or as learned vectors.

    Args:
        spec: The features and their statistics.
        inputs: `spec.inputs()`.
    """
    from keras import layers

    from estafet.training.layers import Column, ImputeAndNormalise, KnownCategories

    parts = []
    if numeric := spec.schema.numeric:
        flagged = [index for index, feature in enumerate(numeric) if feature.missing_share > 0]
        normalise = ImputeAndNormalise([f.mean for f in numeric], [f.std for f in numeric], flagged, name="normalise")
        parts.append(normalise(inputs["numeric"]))
    for index, feature in enumerate(spec.schema.categorical):
        words = [word for word in feature.categories if word != MISSING]
        words += [MISSING] if feature.missing_share > 0 or not words else []
        indices = layers.StringLookup(vocabulary=words, mask_token=None)(Column(index)(inputs["categorical"]))
        parts.append(KnownCategories(len(words), 0 if len(words) <= MAX_ONE_HOT else _width(len(words)))(indices))
    return parts[0] if len(parts) == 1 else layers.Concatenate()(parts)


def _width(num_categories: int) -> int:
    """Return the length of a learned vector (fastai's rule of thumb, held to 64)."""
    return min(64, math.ceil(1.6 * num_categories**0.56))


def search_space(spec: ModelSpec) -> dict[str, Range]:
    """Return the ranges that are worth searching."""
    return {
        "learning_rate": Range(low=5e-4, high=2e-2, log=True),
        "batch_size": Range(choices=(16, 32, 64, 128)),
        "units": Range(choices=(16, 32, 64, 128)),
        "dropout": Range(low=0.0, high=0.5),
        "l2": Range(low=1e-5, high=1e-1, log=True),
    }
