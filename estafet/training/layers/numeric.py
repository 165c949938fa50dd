"""Columns of numbers: missing ones filled in, all normalised."""

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
        super().__init__(**{"dtype": "float32", **kwargs})  # half precision would round the numbers as they came
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
