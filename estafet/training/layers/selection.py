"""Some columns of several, numbers or words."""

from __future__ import annotations

from collections.abc import Sequence

import keras


@keras.saving.register_keras_serializable(package="estafet")
class Columns(keras.layers.Layer):
    """Some entries of the last axis, in a given order.

    Args:
        indices: Which ones, from 0.
    """

    def __init__(self, indices: Sequence[int], **kwargs):
        super().__init__(**kwargs)
        self.indices = [int(index) for index in indices]
        self._convert_input_args = False  # Keras would round numbers to the layer's type, and can't convert strings

    def call(self, inputs):
        """Map (…, F) to (…, number of indices)."""
        import tensorflow as tf

        return tf.gather(inputs, self.indices, axis=-1)

    def compute_output_spec(self, inputs):
        """Return the shape, of the same type; Keras cannot derive it for strings."""
        return keras.KerasTensor((*inputs.shape[:-1], len(self.indices)), dtype=inputs.dtype)

    def get_config(self):
        """Return what the layer is made from."""
        return {**super().get_config(), "indices": self.indices}
