"""A small residual network for images, which adapts its depth to their size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from estafet.runfile.space import Range
from estafet.training.models.spec import ModelSpec

DEFAULTS: dict[str, Any] = {"filters": 16, "blocks": 2, "dropout": 0.2}
POSITIVE = ("filters", "blocks")
STRIDED_STEM_FROM_PIXELS = 96
POOLED_STEM_FROM_PIXELS = 192
FINAL_PIXELS = 4
MAX_FILTERS = 256
MOMENTUM = 0.9
"""How slowly the running mean and variance follow the batches: our data sets give fewer steps than ImageNet does."""


def build(spec: ModelSpec, hyperparameters: Mapping[str, Any]):
    """Return residual blocks that halve the image down to about 4 × 4, its mean over the places, and a softmax.

    An image of 8 × 8 gets two stages of blocks, one of 28 × 28 four, one of 256 × 256, halved twice before the first
    block, five.

    Args:
        spec: Its input is `image`, uint8 (N, H, W, C), from 0 to 255.
        hyperparameters: `filters` of the first stage (doubled at each halving, to at most 256), `blocks` in each stage,
            and `dropout` before the last layer.

    Source:
        He et al., "Identity Mappings in Deep Residual Networks", 2016 (normalisation before each convolution).
    """
    import keras
    from keras import layers

    inputs, filters = spec.inputs(), hyperparameters["filters"]
    x, side = _stem(layers.Rescaling(1 / 127.5, offset=-1)(inputs["image"]), filters, max(spec.image_shape[:2]))
    for _ in range(hyperparameters["blocks"]):
        x = _block(x, filters)
    while side > FINAL_PIXELS:
        side, filters = math.ceil(side / 2), min(2 * filters, MAX_FILTERS)
        x = _block(x, filters, strides=2)
        for _ in range(hyperparameters["blocks"] - 1):
            x = _block(x, filters)
    x = layers.GlobalAveragePooling2D()(_normalise(x))
    x = layers.Dropout(hyperparameters["dropout"])(x)
    outputs = layers.Dense(spec.num_classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="resnet")


def _stem(x, filters: int, side: int) -> tuple[Any, int]:
    """Return the first features and the longer side that they have, in pixels."""
    from keras import layers

    if side < STRIDED_STEM_FROM_PIXELS:
        return _convolve(x, filters), side
    x = _convolve(x, filters, 5, strides=2)
    if side < POOLED_STEM_FROM_PIXELS:
        return x, math.ceil(side / 2)
    return layers.MaxPooling2D(2, padding="same")(x), math.ceil(side / 4)


def _block(x, filters: int, strides: int = 1):
    from keras import layers

    normal = _normalise(x)
    same = strides == 1 and x.shape[-1] == filters
    shortcut = x if same else _convolve(normal, filters, 1, strides)
    y = _convolve(_normalise(_convolve(normal, filters, strides=strides)), filters)
    return layers.Add()([y, shortcut])


def _convolve(x, filters: int, size: int = 3, strides: int = 1):
    from keras import layers

    return layers.Conv2D(filters, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)


def _normalise(x):
    from keras import layers

    # Synchronised: else each replica would normalise by its own part of the batch, and two would not learn as one does.
    return layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM, synchronized=True)(x))


def search_space(spec: ModelSpec) -> dict[str, Range]:
    """Return the ranges that are worth searching."""
    return {
        "learning_rate": Range(low=3e-4, high=1e-2, scale="log"),
        "batch_size": Range(choices=(32, 64, 128, 256)),
        "filters": Range(choices=(8, 16, 32)),
        "blocks": Range(choices=(1, 2, 3)),
        "dropout": Range(low=0.0, high=0.5),
    }
