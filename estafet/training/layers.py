"""Keras layers that keep preprocessing inside the model; importing this module lets saved models be read."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="estafet")
class ImputeAndNormalise(keras.layers.Layer):
    """Numbers to zero mean and unit deviation; a missing one becomes the mean, with a flag where training had any.

    Args:
        mean: Mean of each column, in training.
        std: Standard deviation of each column, in training; 0 counts as 1.
        flagged: Indices of the columns for which a 0/1 flag "was missing" is appended.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], flagged: Sequence[int] = (), **kwargs):
        super().__init__(**kwargs)
        self.mean, self.std, self.flagged = list(mean), [value or 1.0 for value in std], list(flagged)

    def call(self, numeric_NF):
        """Map (N, F) numbers, NaN or infinite where missing, to (N, F + number of flagged columns)."""
        known_NF = ops.isfinite(numeric_NF)
        mean_F, std_F = ops.convert_to_tensor(self.mean, "float32"), ops.convert_to_tensor(self.std, "float32")
        scaled_NF = (ops.where(known_NF, numeric_NF, mean_F) - mean_F) / std_F
        if not self.flagged:
            return scaled_NF
        missing_NF = 1.0 - ops.cast(known_NF, "float32")
        return ops.concatenate([scaled_NF, ops.take(missing_NF, self.flagged, axis=1)], axis=1)

    def compute_output_shape(self, input_shape):
        """Return (N, F + number of flagged columns)."""
        return (input_shape[0], input_shape[1] + len(self.flagged))

    def get_config(self):
        """Return what the layer is made from."""
        return {**super().get_config(), "mean": self.mean, "std": self.std, "flagged": self.flagged}


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


@keras.saving.register_keras_serializable(package="estafet")
class SinceLast(keras.layers.Layer):
    """A window of a series as differences from its last step, in standard deviations; so a trend does no harm.

    Args:
        mean: Mean of each channel, in training.
        std: Standard deviation of each channel, in training; 0 counts as 1.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], **kwargs):
        super().__init__(**kwargs)
        self.mean, self.std = list(mean), [value or 1.0 for value in std]

    def call(self, values_NLC):
        """Map (N, lookback, channels) to the flattened differences (N, lookback × channels) and the last value (N, 1).

        The last value is that of the first channel. A missing step counts as equal to the last one.
        """
        mean_C, std_C = ops.convert_to_tensor(self.mean, "float32"), ops.convert_to_tensor(self.std, "float32")
        last_N1C = values_NLC[:, -1:, :]
        last_N1C = ops.where(ops.isfinite(last_N1C), last_N1C, mean_C)
        known_NLC = ops.where(ops.isfinite(values_NLC), values_NLC, last_N1C)
        differences_NLC = (known_NLC - last_N1C) / std_C
        lookback, num_channels = values_NLC.shape[1:]
        return ops.reshape(differences_NLC, (-1, lookback * num_channels)), last_N1C[:, 0, :1]

    def compute_output_shape(self, input_shape):
        """Return the shapes of the differences and of the last value."""
        return (input_shape[0], input_shape[1] * input_shape[2]), (input_shape[0], 1)

    def get_config(self):
        """Return what the layer is made from."""
        return {**super().get_config(), "mean": self.mean, "std": self.std}
