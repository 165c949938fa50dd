"""Columns of words: one column of several, and its categories as vectors."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="estafet")
class KnownCategories(keras.layers.Layer):
    """One column's category index to a vector: one-hot or learned. Index 0 (never seen in training) gives zeros.

    Args:
        num_categories: Number of known categories; indices go from 0 (unknown) to this number.
        width: Length of a learned vector; 0 for one-hot.
    """

    def __init__(self, num_categories: int, width: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.num_categories, self.width = num_categories, width
        self.embedding = keras.layers.Embedding(num_categories + 1, width) if width else None

    def build(self, input_shape):
        """Make the table of learned vectors, if any."""
        if self.embedding is not None:
            self.embedding.build(input_shape)
        self.built = True

    def call(self, index_N):
        """Map (N,) indices to (N, width) or (N, num_categories)."""
        if self.embedding is None:
            return ops.one_hot(index_N, self.num_categories + 1)[:, 1:]
        known_N1 = ops.cast(index_N > 0, "float32")[:, None]
        return self.embedding(index_N) * known_N1

    def compute_output_shape(self, input_shape):
        """Return (N, width) or (N, num_categories)."""
        return (input_shape[0], self.width or self.num_categories)

    def get_config(self):
        """Return what the layer is made from."""
        return {**super().get_config(), "num_categories": self.num_categories, "width": self.width}


@keras.saving.register_keras_serializable(package="estafet")
class Column(keras.layers.Layer):
    """One column of a (N, F) tensor, as (N,).

    Args:
        index: The column, from 0.
    """

    def __init__(self, index: int, **kwargs):
        super().__init__(**kwargs)
        self.index = index

    def call(self, inputs_NF):
        """Map (N, F) to (N,)."""
        return inputs_NF[:, self.index]

    def compute_output_spec(self, inputs_NF):
        """Return (N,) of the same type; Keras cannot derive it for strings."""
        return keras.KerasTensor((inputs_NF.shape[0],), dtype=inputs_NF.dtype)

    def get_config(self):
        """Return what the layer is made from."""
        return {**super().get_config(), "index": self.index}
