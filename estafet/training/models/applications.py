"""The architectures of `keras.applications`, without weights, with their own preprocessing inside the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estafet.runfile.space import Range
from estafet.training.models.resnet import MOMENTUM
from estafet.training.models.spec import ModelSpec

DEFAULTS: dict[str, Any] = {"dropout": 0.2}

_SCALES = {
    "ConvNeXt": "none",
    "DenseNet": "torch",
    "EfficientNet": "none",
    "Inception": "tf",
    "MobileNetV3": "none",
    "MobileNet": "tf",
    "NASNet": "tf",
    "VGG": "caffe",
    "Xception": "tf",
}


def build(name: str, spec: ModelSpec, hyperparameters: Mapping[str, Any]):
    """Return an architecture of Keras with random weights, its mean over the places, and a softmax.

    Where it normalises by batch, the statistics are those of the global batch, and the running ones follow faster than
    Keras' own, which are made for the many steps of ImageNet.

    Args:
        name: A function of `keras.applications`, such as `EfficientNetV2B0`.
        spec: Its input is `image`, uint8 (N, H, W, 1 or 3), from 0 to 255, not smaller than the architecture takes
            (`estafet.runfile.architectures.KERAS_APPLICATIONS`).
        hyperparameters: `dropout` before the last layer.
    """
    import keras
    from keras import layers

    from estafet.training.layers import ImageNetScale

    inputs = spec.inputs()
    backbone = getattr(keras.applications, name)(
        weights=None, include_top=False, pooling="avg", input_shape=(*spec.image_shape[:2], 3)
    )
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum, layer.synchronized = MOMENTUM, True
    x = backbone(ImageNetScale(scale_of(name), name="scale")(inputs["image"]))
    x = layers.Dropout(hyperparameters["dropout"])(x)
    outputs = layers.Dense(spec.num_classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name=name.lower())


def scale_of(name: str) -> str:
    """Return the scale of the pixels that an architecture is made for, as `ImageNetScale` calls it."""
    if name.startswith("ResNet"):
        return "tf" if name.endswith("V2") else "caffe"
    return next(scale for family, scale in _SCALES.items() if name.startswith(family))


def search_space(spec: ModelSpec) -> dict[str, Range]:
    """Return the ranges that are worth searching."""
    return {
        "learning_rate": Range(low=1e-4, high=5e-3, scale="log"),
        "batch_size": Range(choices=(32, 64, 128)),
        "dropout": Range(low=0.0, high=0.5),
    }
