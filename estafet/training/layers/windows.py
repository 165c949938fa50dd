"""Windows of a series: as differences from their last step, cut into patches, and with the places of the patches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="estafet")
class SinceLast(keras.layers.Layer):
    """A window of a series as differences from its last step, in standard deviations; so a trend does no harm.

    Args:
        mean: Mean of each channel, in training.
        std: Standard deviation of each channel, in training; 0 counts as 1.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})  # half precision would round the differences of large values
        self.mean, self.std = list(mean), [value or 1.0 for value in std]

    def call(self, values_NLC):
        """Map (N, lookback, channels) to the flattened differences (N, lookback × channels) and the last value (N, 1).

        The last value is that of the first channel. It is the last known one, or the training split's mean where none
        is known; a missing step counts as equal to it.
        """
        mean_C, std_C = ops.convert_to_tensor(self.mean, "float32"), ops.convert_to_tensor(self.std, "float32")
        known_NLC = ops.isfinite(values_NLC)
        steps_L1 = ops.arange(1, values_NLC.shape[1] + 1, dtype="int32")[:, None]
        place_NLC = ops.where(known_NLC, steps_L1, 0)
        last_place_N1C = ops.max(place_NLC, axis=1, keepdims=True)
        is_last_NLC = ops.logical_and(known_NLC, place_NLC == last_place_N1C)
        last_N1C = ops.sum(ops.where(is_last_NLC, values_NLC, 0.0), axis=1, keepdims=True)
        last_N1C = ops.where(last_place_N1C > 0, last_N1C, mean_C)
        differences_NLC = (ops.where(known_NLC, values_NLC, last_N1C) - last_N1C) / std_C
        lookback, num_channels = values_NLC.shape[1:]
        return ops.reshape(differences_NLC, (-1, lookback * num_channels)), last_N1C[:, 0, :1]

    def compute_output_shape(self, input_shape):
        """Return the shapes of the differences and of the last value."""
        return (input_shape[0], input_shape[1] * input_shape[2]), (input_shape[0], 1)

    def get_config(self):
        """Return what the layer is made from."""
        return {**super().get_config(), "mean": self.mean, "std": self.std}


@keras.saving.register_keras_serializable(package="estafet")
class Patches(keras.layers.Layer):
    """A window cut into overlapping patches; its last step is repeated behind it, so that the last patch is whole.

    Args:
        length: Number of steps in a patch; at most the window's own.
        stride: Number of steps from the start of one patch to that of the next, at most `length`.

    Source:
        Nie et al., "A Time Series is Worth 64 Words: Long-term Forecasting with Transformers", ICLR 2023.
    """

    def __init__(self, length: int, stride: int, **kwargs):
        super().__init__(**kwargs)
        self.length, self.stride = length, stride

    def call(self, steps_NLC):
        """Map (N, lookback, channels) to (N, patches, length × channels)."""
        num_patches = self.num_patches(steps_NLC.shape[1])
        starts_P1, offsets_K = np.arange(num_patches)[:, None] * self.stride, np.arange(self.length)
        places_PK = np.minimum(starts_P1 + offsets_K, steps_NLC.shape[1] - 1)
        patches_NPKC = ops.take(steps_NLC, places_PK, axis=1)
        return ops.reshape(patches_NPKC, (-1, num_patches, self.length * steps_NLC.shape[2]))

    def num_patches(self, lookback: int) -> int:
        """Return how many patches a window has: as many as hold each step at least once."""
        return 1 + math.ceil((lookback - self.length) / self.stride)

    def compute_output_shape(self, input_shape):
        """Return (N, patches, length × channels)."""
        return (input_shape[0], self.num_patches(input_shape[1]), self.length * input_shape[2])

    def get_config(self):
        """Return what the layer is made from."""
        return {**super().get_config(), "length": self.length, "stride": self.stride}


@keras.saving.register_keras_serializable(package="estafet")
class Positions(keras.layers.Layer):
    """Adds to each of several vectors a learned one that says where it stands."""

    def build(self, input_shape):
        """Make the learned vectors, one for each place."""
        self.places = self.add_weight(shape=tuple(input_shape[1:]), initializer="random_uniform", name="places")
        self.built = True

    def call(self, vectors_NPD):
        """Map (N, places, width) to the same shape."""
        return vectors_NPD + self.places
