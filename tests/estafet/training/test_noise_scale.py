"""The gradient noise scale, against its definition computed with NumPy."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from estafet.training.learner import Learner
from estafet.training.noise_scale import NoiseScale


def _learner(dropout: float = 0.0) -> Learner:
    inputs = keras.Input((3,), name="numeric")
    outputs = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(keras.layers.Dropout(dropout)(inputs))
    learner = Learner(keras.Model({"numeric": inputs}, outputs))
    learner.compile("sgd", keras.losses.MeanSquaredError())
    return learner


def test_it_is_the_trace_of_the_gradients_covariance_over_their_squared_mean():
    """For y = w·x the gradient of one example is 2(w·x − y)x; with parts of one example nothing else comes in."""
    random = np.random.default_rng(0)
    features_NF = random.normal(2, 1, (4096, 3)).astype(np.float32)
    labels_N1 = (features_NF @ [[1.5], [0.5], [2.0]] + random.normal(0, 1, (4096, 1))).astype(np.float32)
    gradients_NF = 2 * (features_NF.sum(axis=1, keepdims=True) - labels_N1) * features_NF
    expected = gradients_NF.var(axis=0, ddof=1).sum() / (gradients_NF.mean(axis=0) ** 2).sum()

    measured = NoiseScale(_learner(), num_parts=128).measure({"numeric": features_NF}, labels_N1)

    assert measured == pytest.approx(expected, rel=0.15)


def test_without_noise_it_is_zero_and_without_a_direction_infinite():
    """The same example again and again; and two that pull in opposite directions with equal strength."""
    one = np.ones((8, 3), np.float32)
    opposite_N1 = np.array([[4.0], [2.0]] * 4, np.float32)

    scale = NoiseScale(_learner(), num_parts=8)

    assert scale.measure({"numeric": one}, np.zeros((8, 1), np.float32)) == pytest.approx(0, abs=1e-4)
    assert scale.measure({"numeric": one}, opposite_N1) == math.inf


def test_gradients_that_are_no_numbers_ask_for_no_larger_batch():
    labels_N1 = np.array([[1.0], [np.nan]] * 4, np.float32)

    assert NoiseScale(_learner(), num_parts=4).measure({"numeric": np.ones((8, 3), np.float32)}, labels_N1) == 0.0


def test_measuring_changes_nothing():
    learner = _learner(dropout=0.5)
    before = [np.array(variable) for variable in learner.variables]

    NoiseScale(learner, num_parts=4).measure({"numeric": np.ones((8, 3), np.float32)}, np.zeros((8, 1), np.float32))

    for was, variable in zip(before, learner.variables, strict=True):
        np.testing.assert_array_equal(was, np.array(variable))
