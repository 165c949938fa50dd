"""Images as the architectures of `keras.applications` want them."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="estafet")
class ImageNetScale(keras.layers.Layer):
    """Images from 0 to 255 to the scale of a family of architectures; grey ones get three equal channels.

    Args:
        mode: `tf` (from −1 to 1), `torch` (from 0 to 1, less ImageNet's mean, by its deviation), `caffe` (blue first,
            less ImageNet's mean), or `none` for an architecture that scales its input itself.
    """

    def __init__(self, mode: str, **kwargs):
        super().__init__(**kwargs)
        self.mode = mode

    def call(self, images_NHWC):
        """Map (N, H, W, 1 or 3) pixels of any type to (N, H, W, 3) floats."""
        images_NHWC = ops.cast(images_NHWC, self.compute_dtype)
        if images_NHWC.shape[-1] == 1:
            images_NHWC = ops.repeat(images_NHWC, 3, axis=-1)
        if self.mode == "none":
            return images_NHWC
        return keras.applications.imagenet_utils.preprocess_input(images_NHWC, mode=self.mode)

    def compute_output_shape(self, input_shape):
        """Return (N, H, W, 3)."""
        return (*input_shape[:-1], 3)

    def get_config(self):
        """Return what the layer is made from."""
        return {**super().get_config(), "mode": self.mode}
