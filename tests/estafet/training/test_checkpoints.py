"""Checkpoints put all that a training changes back, keep only what is needed, and refuse what does not fit."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from estafet.errors import DataError
from estafet.training.checkpoints import STATE_FILE, Checkpoints, State
from estafet.training.learner import Learner


def _learner(width: int = 3) -> Learner:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(width), keras.layers.Dropout(0.5)])
    learner = Learner(model)
    learner.compile("adam", keras.losses.MeanSquaredError(), metrics=["mae"])
    learner.optimizer.build(learner.trainable_variables)
    return learner


@pytest.fixture(scope="module")
def learner() -> Learner:
    """A learner after two steps of Adam."""
    learner = _learner()
    learner.fit(np.ones((8, 2)), np.ones((8, 3)), batch_size=4, verbose=0)
    return learner


def _values(learner: Learner) -> list[np.ndarray]:
    return [np.array(variable) for variable in (*learner.variables, *learner.optimizer.variables)]


def test_model_optimiser_random_state_and_running_metrics_come_back(learner, tmp_path):
    checkpoints, before = Checkpoints(tmp_path), _values(learner)
    running = [np.array(variable) for variable in learner.metrics_variables]
    state = State([{"loss": 1.0}], num_batches=7, elapsed_s=2.5, decisions={"memory": {"why": "small"}})
    checkpoints.save(learner, state)
    other = _learner()
    other.fit(np.zeros((4, 2)), np.ones((4, 3)), verbose=0)

    found, metrics = Checkpoints(tmp_path).restore(other)

    assert found == state
    assert int(other.optimizer.iterations.numpy()) == int(other.steps_taken.numpy()) == 2
    for was, now in zip(before, _values(other), strict=True):
        np.testing.assert_array_equal(was, now)
    assert len(running) == 4 and [float(value) for value in metrics] == [float(value) for value in running]


def test_only_the_newest_and_the_best_checkpoint_stay(learner, tmp_path):
    checkpoints = Checkpoints(tmp_path)

    checkpoints.save(learner, State([{"loss": 1.0}]))
    checkpoints.keep_best(learner.model, 1)
    checkpoints.save(learner, State([{"loss": 1.0}] * 2))
    checkpoints.save(learner, State([{"loss": 1.0}] * 2, num_batches=5))

    assert sorted(path.name for path in tmp_path.glob("*.npz")) == ["best-00001.npz", "epoch-00002-batch-0000005.npz"]
    again = Checkpoints(tmp_path)
    again.restore(_learner())
    epoch, weights = again.best
    assert epoch == 1
    np.testing.assert_array_equal(weights[0], learner.model.get_weights()[0])


def test_of_several_workers_only_the_one_that_writes_does(learner, tmp_path):
    Checkpoints(tmp_path, writes=False).save(learner, State([{"loss": 1.0}]))

    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_has_no_checkpoint(learner, tmp_path):
    assert Checkpoints(tmp_path).restore(learner) == (State(), [])


@pytest.mark.parametrize("file", ["epoch-00001-batch-0000000.npz", STATE_FILE])
def test_a_damaged_checkpoint_is_named(learner, tmp_path, file):
    Checkpoints(tmp_path).save(learner, State([{"loss": 1.0}]))
    (tmp_path / file).write_bytes(b"not what it was")

    with pytest.raises(DataError, match=f"checkpoint in '{tmp_path}' cannot be read") as caught:
        Checkpoints(tmp_path).restore(learner)

    assert "delete that folder to begin anew" in caught.value.hint


def test_the_checkpoint_of_another_model_is_refused_with_both_shapes(learner, tmp_path):
    Checkpoints(tmp_path).save(learner, State([{"loss": 1.0}]))

    with pytest.raises(DataError, match=r"another model: array \d+ of \d+ has the shape \(2, 3\), and .* has \(2, 4\)"):
        Checkpoints(tmp_path).restore(_learner(width=4))


def test_a_newer_format_is_refused(learner, tmp_path):
    Checkpoints(tmp_path).save(learner, State([{"loss": 1.0}]))
    path = tmp_path / STATE_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))

    with pytest.raises(DataError, match="has format 99, and this Estafet reads format 2"):
        Checkpoints(tmp_path).restore(learner)


def test_a_state_that_lacks_a_key_is_refused(learner, tmp_path):
    Checkpoints(tmp_path).save(learner, State([{"loss": 1.0}]))
    path = tmp_path / STATE_FILE
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "history"}))

    with pytest.raises(DataError, match="lacks 'history'"):
        Checkpoints(tmp_path).restore(learner)


def test_a_full_disk_while_saving_leaves_the_checkpoint_before_it(learner, tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(learner, State([{"loss": 1.0}]))

    def full(file, *arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(learner, State([{"loss": 1.0}] * 2))
    monkeypatch.undo()

    assert len(Checkpoints(tmp_path).restore(_learner())[0].history) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-00001-batch-0000000.npz", STATE_FILE]


def test_saving_is_called_cheap_only_when_it_takes_little_of_the_time(learner, tmp_path, monkeypatch):
    """A save that took 2 s is paid for by 100 s without one."""
    clock = iter([1000.0, 1002.0, 1101.9, 1102.1])
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.is_cheap()
    monkeypatch.setattr("estafet.training.checkpoints.time.monotonic", lambda: next(clock))

    checkpoints.save(learner, State())

    assert [checkpoints.is_cheap(), checkpoints.is_cheap()] == [False, True]
