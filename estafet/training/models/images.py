"""The default image classifier, `cnn`: a small convolutional network that adapts its depth to the image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from estafet.runfile.space import Range
from estafet.training.models.spec import ModelSpec

DEFAULTS: dict[str, Any] = {"filters": 32, "units": 128, "dropout": 0.3}
POSITIVE = ("filters", "units")
STRIDED_STEM_FROM_PIXELS = 96
FINAL_PIXELS = 4
MAX_FILTERS = 256


def build(spec: ModelSpec, hyperparameters: Mapping[str, Any]):
    """Return a network that halves the image down to about 4 × 4 and then decides with one hidden layer.

    Args:
        spec: Its input is `image`, uint8 (N, H, W, C), from 0 to 255.
        hyperparameters: `filters` of the first block (doubled at each halving), `units`, `dropout`.
    """
    import keras
    from keras import layers

    inputs = spec.inputs()
    filters, side = hyperparameters["filters"], max(spec.image_shape[:2])
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs["image"])
    if side >= STRIDED_STEM_FROM_PIXELS:
        x = layers.Conv2D(filters, 5, strides=2, padding="same", activation="relu")(x)
        side = math.ceil(side / 2)
    x = _convolve(_convolve(x, filters), filters)
    while side > FINAL_PIXELS:
        x = layers.MaxPooling2D(2, padding="same")(x)
        side = math.ceil(side / 2)
        filters = min(2 * filters, MAX_FILTERS)
        x = _convolve(x, filters)
    x = layers.Flatten()(x)
    x = layers.Dropout(hyperparameters["dropout"])(x)
    x = layers.Dense(hyperparameters["units"], activation="relu")(x)
    x = layers.Dropout(hyperparameters["dropout"])(x)
    outputs = layers.Dense(spec.num_classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="images")


def _convolve(x, filters: int):
    from keras import layers

    return layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)


def search_space(spec: ModelSpec) -> dict[str, Range]:
    """Return the ranges that are worth searching."""
    return {
        "learning_rate": Range(low=3e-4, high=1e-2, scale="log"),
        "batch_size": Range(choices=(32, 64, 128, 256)),
        "filters": Range(choices=(16, 32, 48)),
        "units": Range(choices=(64, 128, 256)),
        "dropout": Range(low=0.0, high=0.5),
    }
