"""Checkpoints put model and optimiser back, keep only what is needed, and never block a training."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from estafet.training.checkpoints import STATE_FILE, Checkpoints


@pytest.fixture
def model() -> keras.Model:
    """A model after two steps of Adam."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dropout(0.5)])
    model.compile("adam", "mse")
    model.fit(np.ones((8, 2)), np.ones((8, 3)), batch_size=4, verbose=0)
    return model


def _values(model: keras.Model) -> list[np.ndarray]:
    return [np.asarray(variable) for variable in (*model.variables, *model.optimizer.variables)]


def test_model_optimiser_and_random_state_come_back(model, tmp_path):
    checkpoints, before = Checkpoints(tmp_path), _values(model)
    checkpoints.save(model, [{"loss": 1.0}])
    model.fit(np.ones((8, 2)), np.ones((8, 3)), verbose=0)

    history = checkpoints.restore(model)

    assert history == [{"loss": 1.0}]
    assert int(model.optimizer.iterations.numpy()) == 2
    for was, now in zip(before, _values(model), strict=True):
        np.testing.assert_array_equal(was, now)


def test_only_the_newest_and_the_best_checkpoint_stay(model, tmp_path):
    checkpoints = Checkpoints(tmp_path)

    for num_epochs in range(1, 5):
        checkpoints.save(model, [{"loss": 1.0}] * num_epochs, best_epoch=min(1, num_epochs - 1))

    assert sorted(path.name for path in tmp_path.glob("*.npz")) == ["epoch-00001.npz", "epoch-00003.npz"]


@pytest.mark.parametrize("file", ["epoch-00000.npz", STATE_FILE])
def test_a_damaged_checkpoint_means_beginning_anew(model, tmp_path, file):
    Checkpoints(tmp_path).save(model, [{"loss": 1.0}])
    (tmp_path / file).write_bytes(b"not what it was")

    assert Checkpoints(tmp_path).restore(model) == []


def test_the_checkpoint_of_another_model_is_not_taken(model, tmp_path):
    Checkpoints(tmp_path).save(model, [{"loss": 1.0}])
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
    other.compile("adam", "mse")
    other.optimizer.build(other.trainable_variables)

    assert Checkpoints(tmp_path).restore(other) == []


def test_an_empty_folder_has_no_checkpoint(model, tmp_path):
    assert Checkpoints(tmp_path).restore(model) == []
