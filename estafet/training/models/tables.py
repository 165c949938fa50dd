"""The default of tables, `wide_and_deep`: a linear path, and a small network that learns what that one misses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from estafet.runfile.space import Range
from estafet.training.models import text
from estafet.training.models.spec import ModelSpec

DEFAULTS: dict[str, Any] = {"units": 32, "layers": 2, "dropout": 0.2, "l2": 1e-3}
POSITIVE = ("units",)
MAX_ONE_HOT = 16
WIDE_STRETCH = 4
MISSING = ""


def build(spec: ModelSpec, hyperparameters: Mapping[str, Any]):
    """Return the sum of a linear model and a network whose last layer starts at zero.

    Args:
        spec: Its inputs are `numeric`, float32 (N, F), NaN where missing; `categorical`, string (N, G), empty where
            missing; and `text`, string (N, T), alike.
        hyperparameters: `units` and number of `layers` of the network, `dropout`, and `l2`, the penalty
            on its weights; and those of the texts.

    Source:
        Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016.
    """
    import keras
    from keras import layers

    inputs = spec.inputs()
    encoded = encode(spec, inputs, hyperparameters)
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
    return keras.Model(inputs, answer(spec, total), name="tables")


def answer(spec: ModelSpec, total):
    """Return the probabilities, or the prediction in the label's own unit, that the last layer's numbers mean.

    Args:
        spec: The task, and the label's mean and standard deviation.
        total: (N, output width); zeros mean that nothing is known.
    """
    from keras import layers

    if spec.task.is_classification:
        return layers.Softmax(dtype="float32", name="probabilities")(total)
    scale, mean = spec.label_scale, spec.schema.label.mean or 0.0
    return layers.Rescaling(scale, mean, dtype="float32", name="prediction")(total)


def encode(spec: ModelSpec, inputs: Mapping[str, Any], hyperparameters: Mapping[str, Any] | None = None):
    """Return all columns as one float32 vector: numbers normalised, words one-hot or as learned vectors, texts read.

    Args:
        spec: The features and their statistics.
        inputs: `spec.inputs()`.
        hyperparameters: Those that texts are read with, where they are to be others than `text.DEFAULTS`.
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
    for index, feature in enumerate(spec.schema.text):
        parts.append(text.encode(feature, Column(index)(inputs["text"]), hyperparameters or {}))
    return parts[0] if len(parts) == 1 else layers.Concatenate()(parts)


def _width(num_categories: int) -> int:
    """Return the length of a learned vector (fastai's rule of thumb, held to 64)."""
    return min(64, math.ceil(1.6 * num_categories**0.56))


def search_space(spec: ModelSpec) -> dict[str, Range]:
    """Return the ranges that are worth searching."""
    return {
        "learning_rate": Range(low=5e-4, high=2e-2, scale="log"),
        "batch_size": Range(choices=(16, 32, 64, 128, 256)),
        "units": Range(choices=(16, 32, 64, 128)),
        "layers": Range(choices=(1, 2, 3)),
        "dropout": Range(low=0.0, high=0.5),
        "l2": Range(low=1e-5, high=1e-1, scale="log"),
    }
