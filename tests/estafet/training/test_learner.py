"""A step in parts is the step of the whole batch; broken steps are remembered."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from estafet.training.assembly import first_loss
from estafet.training.learner import Learner


def _learner(**kwargs) -> Learner:
    keras.utils.set_random_seed(0)
    penalty = keras.regularizers.L2(0.1)
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(4, "tanh", kernel_regularizer=penalty), keras.layers.Dense(1)]
    )
    learner = Learner(model, **kwargs)
    learner.compile(keras.optimizers.SGD(0.1), keras.losses.MeanSquaredError(), metrics=["mae"])
    return learner


def _data(num_examples: int = 7) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    return random.normal(size=(num_examples, 2)).astype(np.float32), random.normal(size=(num_examples, 1))


def _fit(learner: Learner, features, labels, batch_size: int = 7) -> dict[str, float]:
    history = learner.fit(features, labels, batch_size=batch_size, epochs=2, verbose=0, shuffle=False).history
    return {name: values[-1] for name, values in history.items()}


@pytest.mark.parametrize("part_size", [1, 3, 5, 7, 100])
def test_a_batch_in_parts_gives_the_step_the_loss_and_the_metrics_of_the_whole(part_size):
    """Seven examples in parts of three are 2 + 2 + 3: each example counts as much as any other."""
    features, labels = _data()
    whole, parts = _learner(), _learner()
    parts.part_size = part_size

    expected, found = _fit(whole, features, labels), _fit(parts, features, labels)

    assert found == pytest.approx(expected, rel=1e-5)
    for ours, theirs in zip(parts.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_a_whole_batch_gives_what_keras_own_step_gives():
    features, labels = _data()
    keras_own, ours = _learner().model, _learner()
    keras_own.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])

    expected, found = _fit(keras_own, features, labels, 4), _fit(ours, features, labels, 4)

    assert found == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(ours.model.get_weights()[0], keras_own.get_weights()[0], rtol=1e-5)


def test_another_objective_takes_the_place_of_the_loss():
    """Predictions are pulled to 5, whatever the labels say."""
    learner = _learner(objective=lambda features, labels, predictions: tf.reduce_mean((predictions - 5.0) ** 2))
    features, labels = np.zeros((8, 2), np.float32), np.full((8, 1), -1.0)

    learner.fit(features, labels, epochs=60, verbose=0)

    assert learner.predict(features, verbose=0) == pytest.approx(np.full((8, 1), 5.0), abs=0.1)


def test_the_first_step_whose_loss_is_no_number_is_remembered():
    """Of batches of one example the fourth, step 3, has an infinite label; then the weights are broken for good."""
    features, labels = _data(8)
    labels[3] = np.inf

    learner = _learner()
    _fit(learner, features, labels, batch_size=1)

    assert (int(learner.bad_step.numpy()), int(learner.steps_taken.numpy())) == (3, 16)


def test_half_precision_leaves_features_as_they_are_before_a_layer_wants_them():
    """In float16 a million is infinite, and so is its distance from the mean."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        inputs = keras.Input((1,), name="numeric")
        centred = keras.layers.Lambda(lambda values: values - 1e6, dtype="float32")(inputs)
        learner = Learner(keras.Model({"numeric": inputs}, centred))
    finally:
        keras.config.set_dtype_policy("float32")

    found = learner({"numeric": tf.constant([[1_000_003.0]])})

    assert found.numpy().tolist() == [[3.0]]


def test_the_untrained_models_loss_has_its_penalties_as_those_of_its_epochs_have():
    """A penalty that is large, but the same before and after an epoch, is no divergence."""
    learner, (features, labels) = _learner(), _data()
    examples = tf.data.Dataset.from_tensors((features, labels.astype("float32")))

    found = first_loss(learner, examples)

    expected = learner.evaluate(features, labels, verbose=0, return_dict=True)["loss"]
    assert float(learner.losses[0]) > 0.1 and found == pytest.approx(expected, rel=1e-5)
