"""The training loop: records, early stopping, resuming after a kill, and several replicas."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest

from estafet.errors import DataError, Preempted, StepFailed
from estafet.records.manifest import Manifest
from estafet.runfile.tasks import Task
from estafet.tracking import NullTracker
from estafet.training import feeding, loop, testing
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.callbacks.recorder import Recorder
from estafet.training.checkpoints import Checkpoints
from estafet.training.models import ModelSpec

PREAMBLE = """
    import json, os, signal, sys
    from pathlib import Path
    import tensorflow as tf
    from estafet.records.manifest import Manifest
    from estafet.training import feeding, loop
    from estafet.training.batch_schedule import BatchSchedule
    from estafet.training.models import ModelSpec
    from estafet.training.trained import version_of

    def fit(folder, epochs, scratch=None, **hyperparameters):
        spec = ModelSpec.from_manifest(Manifest.load(folder))
        train, validation = feeding.load(folder, "train"), feeding.load(folder, "validation")
        schedule = BatchSchedule(15, 60, boundaries=(2, 4), learning_rate_rule="sqrt")
        plan = loop.Plan(epochs, schedule, learning_rate=0.01, seed=3)
        return loop.fit(spec, "default", hyperparameters, train, validation, plan, scratch=scratch)
"""
GROWING = BatchSchedule(15, 60, boundaries=(2, 4), learning_rate_rule="sqrt")
MEASURED = ("seconds", "examples_per_s")


HUNGRY = """
    import keras
    import tensorflow as tf


    @keras.saving.register_keras_serializable(package="hungry")
    class Hungry(keras.layers.Layer):
        def __init__(self, limit, **kwargs):
            super().__init__(**kwargs)
            self.limit = limit

        def call(self, values, training=False):
            limit = self.limit if training else 2 * self.limit
            many = tf.where(tf.shape(values)[0] > limit, tf.constant(10**14, tf.int64), tf.constant(1, tf.int64))
            return values + 0.0 * tf.reduce_max(tf.fill([many], 1.0))


    def make(spec, hyperparameters):
        inputs = spec.inputs()
        values = Hungry(hyperparameters["limit"])(inputs["numeric"])
        return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(values))
"""


class Remembering(NullTracker):
    """A tracker that remembers metrics by step."""

    def __init__(self):
        self.metrics, self.tags = {}, {}

    def log_tags(self, tags):
        self.tags.update(tags)

    def log_metrics(self, metrics, step=None):
        self.metrics[step] = dict(metrics)


def _fit(folder, plan: loop.Plan, hyperparameters: dict | None = None, build="default", **kwargs) -> loop.Outcome:
    spec = ModelSpec.from_manifest(Manifest.load(folder))
    train, validation = feeding.load(folder, "train"), feeding.load(folder, "validation")
    return loop.fit(spec, build, hyperparameters or {}, train, validation, plan, **kwargs)


def _learned(history: list[dict]) -> list[dict]:
    """Return a history without what depends on the clock."""
    return [{name: value for name, value in epoch.items() if name not in MEASURED} for epoch in history]


def _assert_equal(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def _python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PREAMBLE) + textwrap.dedent(code), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_each_epoch_is_recorded_tracked_and_reported(table):
    tracker, said = Remembering(), []

    outcome = _fit(
        table,
        loop.Plan(3, BatchSchedule(50, 100, boundaries=(1,), learning_rate_rule="linear"), learning_rate=0.01),
        tracker=tracker,
        progress=lambda message, done=None, total=None: said.append((message, done, total)),
    )

    assert [epoch["batch_size"] for epoch in outcome.history] == [50, 100, 100]
    assert [epoch["learning_rate"] for epoch in outcome.history] == pytest.approx([0.01, 0.02, 0.02])
    assert outcome.history[-1]["val_accuracy"] > 0.7
    assert tracker.metrics == dict(enumerate(outcome.history))
    message, *done = said[-1]
    assert message.startswith("epoch 3/3 · loss ") and " · batch 100 · rate 0.02 · " in message
    assert message.endswith(" examples/s") and done == [3, 3]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(table):
    plans = [loop.Plan(1, BatchSchedule.constant(50), seed=seed) for seed in (1, 1, 2)]
    weights = [np.concatenate([part.ravel() for part in _fit(table, plan).weights]) for plan in plans]

    np.testing.assert_array_equal(weights[0], weights[1])
    assert np.abs(weights[0] - weights[2]).max() > 0.01


@pytest.mark.slow
def test_labels_that_are_infinite_end_the_training_with_advice(tmp_path):
    rows = {"numeric": np.ones((8, 1), np.float32), "label": np.array([1, 2, 3, 4, 5, 6, 7, np.inf], np.float32)}
    clean = {name: values[:4] for name, values in rows.items()}
    testing.write_table(tmp_path, Task.TABULAR_REGRESSION, {"train": clean, "validation": rows, "test": clean})

    with pytest.raises(StepFailed, match=r"is (inf|nan) after epoch 1 of 2, at a learning rate of 0\.5") as caught:
        _fit(tmp_path, loop.Plan(2, BatchSchedule.constant(4), learning_rate=0.5))

    assert "lower train.learning_rate, for instance to 0.05" in caught.value.hint


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_shard_that_is_damaged_while_training_is_named(table, tmp_path, split):
    folder = shutil.copytree(table, tmp_path / "copy")
    spec, name = ModelSpec.from_manifest(Manifest.load(folder)), f"{split}-00000.tfrecord"
    train, validation = (feeding.load(folder, part, max_bytes_in_memory=0) for part in ("train", "validation"))
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)

    with pytest.raises(DataError, match=rf"{name}' is damaged: .* of the record at byte [\d,]+ does not match"):
        loop.fit(spec, "default", {}, train, validation, loop.Plan(1, BatchSchedule.constant(50)))


@pytest.mark.slow
def test_early_stopping_ends_in_time_and_gives_back_the_best_epochs_weights(table, tmp_path):
    """With a learning rate that is far too large the validation loss soon gets worse."""
    plan = loop.Plan(40, BatchSchedule.constant(8), learning_rate=0.3, patience=2)
    seen = {}

    outcome = _fit(table, plan, scratch=tmp_path, on_epoch=lambda epoch, values: seen.update({epoch: values}))

    losses = [values["val_log_loss"] for values in seen.values()]
    assert outcome.epoch == int(np.argmin(losses))
    assert len(outcome.history) == outcome.epoch + 1 + 2 < 40
    shorter = _fit(table, loop.Plan(outcome.epoch + 1, plan.schedule, plan.learning_rate))
    _assert_equal(outcome.weights, shorter.weights)


@pytest.mark.slow
def test_a_training_killed_in_the_middle_of_an_epoch_ends_bit_for_bit_as_if_it_had_not_been(table, tmp_path):
    """SIGKILL in the fourth epoch of six; dropout, Adam's moments, the order and the schedule all go on."""
    killed = _python(
        """
        from estafet.training.callbacks.recorder import Recorder
        told = Recorder.on_train_batch_end
        def kill(self, batch, logs=None):
            told(self, batch, logs)
            if len(self.history) == 3 and batch == 1:
                os.kill(os.getpid(), signal.SIGKILL)
        Recorder.on_train_batch_end = kill
        fit(sys.argv[1], 6, Path(sys.argv[2]))
        """,
        str(table),
        str(tmp_path),
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    plan = loop.Plan(6, GROWING, learning_rate=0.01, seed=3)
    tracker = Remembering()

    resumed = _fit(table, plan, scratch=tmp_path, tracker=tracker)
    whole = _fit(table, plan)

    assert 1 <= resumed.resumed_from <= 3 and whole.resumed_from == 0  # where saving is slow, not each epoch is saved
    assert list(tracker.metrics) == list(range(6))
    assert [epoch["batch_size"] for epoch in resumed.history] == [15, 15, 30, 30, 60, 60]
    assert _learned(resumed.history) == _learned(whole.history)
    _assert_equal(resumed.weights, whole.weights)


@pytest.mark.slow
@pytest.mark.parametrize("max_bytes", [2**30, 0], ids=["from memory", "from shards"])
def test_a_training_that_is_told_to_end_saves_within_the_epoch_and_goes_on_bit_for_bit(
    table, tmp_path, monkeypatch, max_bytes
):
    """SIGTERM after five of the 14 steps of the second epoch, and then after three of the seven of the third."""
    told = Recorder.on_train_batch_end

    def signalled(self, batch, logs=None):
        told(self, batch, logs)
        if (len(self.history), self.schedule.steps_done) in ((1, 5), (2, 3)):
            os.kill(os.getpid(), signal.SIGTERM)

    spec, validation = ModelSpec.from_manifest(Manifest.load(table)), feeding.load(table, "validation")
    train = feeding.load(table, "train", max_bytes_in_memory=max_bytes)
    plan = loop.Plan(3, replace(GROWING, warm_up_steps=6), learning_rate=0.01, seed=3)
    whole = loop.fit(spec, "default", {}, train, validation, plan)
    monkeypatch.setattr(Recorder, "on_train_batch_end", signalled)
    for epoch in (2, 3):
        with pytest.raises(Preempted, match=rf"told to end \(SIGTERM\) in epoch {epoch} of 3"):
            loop.fit(spec, "default", {}, train, validation, plan, scratch=tmp_path)
    monkeypatch.undo()

    resumed = loop.fit(spec, "default", {}, train, validation, plan, scratch=tmp_path)

    assert resumed.resumed_from == 2
    assert _learned(resumed.history) == _learned(whole.history)
    _assert_equal(resumed.weights, whole.weights)


@pytest.mark.slow
def test_a_process_that_finds_its_training_finished_tells_the_new_tracker_of_it(table, tmp_path, monkeypatch):
    """The one before was killed while it wrote the model."""
    monkeypatch.setattr(Checkpoints, "is_cheap", lambda self: True)
    plan, tracker = loop.Plan(2, BatchSchedule.constant(50)), Remembering()
    before = _fit(table, plan, scratch=tmp_path)

    after = _fit(table, plan, scratch=tmp_path, tracker=tracker)

    assert after.resumed_from == 2 and tracker.metrics == dict(enumerate(before.history))


@pytest.mark.slow
def test_checkpoints_are_saved_by_time_within_an_epoch(table, tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(Checkpoints, "save", lambda self, learner, state: saved.append(state.num_batches))

    _fit(table, loop.Plan(1, BatchSchedule.constant(50), checkpoint_s=1e-9), scratch=tmp_path)

    assert saved == [1, 2, 3, 0]


@pytest.mark.slow
def test_the_step_at_which_the_loss_breaks_is_named_and_the_last_good_checkpoint_stays(table, tmp_path):
    """The rate of the second epoch, 4e30, breaks what the first has learned; steps 5 to 7 of seven are its."""
    plan = loop.Plan(
        3,
        BatchSchedule(50, 100, boundaries=(1,), learning_rate_rule="linear"),
        2e30,
        optimizer="sgd",
        checkpoint_s=1e-9,
    )
    with pytest.raises(StepFailed, match=r"NaN or infinite at step [2-6] .* of 3\), at a learning rate of") as caught:
        _fit(table, plan, scratch=tmp_path)

    assert f"The last good checkpoint is kept in '{tmp_path}'" in caught.value.message
    arrays = np.load(next(tmp_path.glob("epoch-*.npz")))
    assert all(np.isfinite(arrays[name]).all() for name in arrays.files if arrays[name].dtype.kind == "f")


@pytest.mark.slow
def test_a_training_that_diverges_is_ended_with_both_losses(numbers):
    """A rate at which a straight line's squared error grows from step to step, but not to infinity in one epoch."""
    plan = loop.Plan(3, BatchSchedule.constant(25), learning_rate=0.3, optimizer="sgd")

    with pytest.raises(
        StepFailed, match=r"diverges: after epoch 1 of 3 the loss is .* untrained model's was"
    ) as caught:
        _fit(numbers, plan, {"dropout": 0.0, "l2": 0.0})

    assert "lower train.learning_rate, for instance to 0.03" in caught.value.hint


@pytest.mark.slow
def test_when_memory_runs_out_the_batch_is_halved_and_the_training_goes_on_from_the_last_step(tmp_path, monkeypatch):
    """TensorFlow cannot give 10¹⁴ numbers, which a layer asks for where it learns from more than 12 examples at once.

    It asks for them too where it judges more than 24: there is no first loss then, until the parts are 10 examples.
    """
    (tmp_path / "hungry.py").write_text(textwrap.dedent(HUNGRY))
    monkeypatch.setenv("ESTAFET_USER_PATH", str(tmp_path))
    values_N1 = np.linspace(-1, 1, 120, dtype=np.float32)[:, None]
    rows = {"numeric": values_N1, "label": 2 * values_N1[:, 0]}
    testing.write_table(
        tmp_path / "data", Task.TABULAR_REGRESSION, dict.fromkeys(("train", "validation", "test"), rows)
    )
    plan, tracker = loop.Plan(3, BatchSchedule(10, 40, boundaries=(1, 2), learning_rate_rule="linear")), Remembering()

    limited = _fit(tmp_path / "data", plan, {"limit": 12}, "hungry:make", tracker=tracker)
    free = _fit(tmp_path / "data", plan, {"limit": 1000}, "hungry:make")

    assert [epoch["batch_size"] for epoch in limited.history] == [10, 20, 40]
    assert limited.decisions["memory"]["part_size"] == 10
    assert "memory ran out with 20 examples at once" in tracker.tags["estafet.memory"]
    assert _values(limited.history, "val_loss") == pytest.approx(_values(free.history, "val_loss"), rel=1e-4)
    assert _values(limited.history, "loss") == pytest.approx(_values(free.history, "loss"), rel=1e-4)
    for ours, theirs in zip(limited.weights, free.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_the_noise_scale_is_measured_recorded_and_followed(table):
    outcome = _fit(table, loop.Plan(3, BatchSchedule(20, 160, when="noise"), learning_rate=0.01))

    scales, sizes = _values(outcome.history, "noise_scale"), _values(outcome.history, "batch_size")
    assert all(0 < scale <= 200 for scale in scales)
    for epoch in (1, 2):
        reached = max(scales[:epoch])
        assert sizes[epoch] == max(size for size in (20, 40, 80, 160) if size <= max(20, reached))


@pytest.mark.slow
def test_two_replicas_follow_the_schedule_and_learn_what_one_device_learns(table, tmp_path):
    """Words, odd batches and a small last one go to both; without dropout, which differs, the weights are the same."""
    code = """
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
        outcome = fit(sys.argv[1], 5, dropout=0.0)
        strategy, source = loop.strategy_for("cpu"), feeding.load(sys.argv[2], "validation", max_bytes_in_memory=0)
        divided = [
            [len(part) for part in strategy.experimental_local_results(labels)]
            for _, labels in loop.distributed(strategy, source.batches)
        ]
        print(json.dumps([outcome.num_replicas, outcome.history, divided, [w.tolist() for w in outcome.weights]]))
    """
    images = {"image": np.zeros((6, 4, 4, 1), np.uint8), "label": np.arange(6) % 2}
    testing.write_images(tmp_path / "images", dict.fromkeys(("train", "validation", "test"), images))

    ran = _python(code, str(table), str(tmp_path / "images"))

    assert ran.returncode == 0, ran.stderr[-3000:]
    num_replicas, history, divided, weights = json.loads(ran.stdout)
    one = _fit(table, loop.Plan(5, GROWING, learning_rate=0.01, seed=3), {"dropout": 0.0})
    assert num_replicas == 2
    assert divided == [[3, 3]]
    for ours, theirs in zip(weights, one.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    for ours, theirs in zip(_learned(history), _learned(one.history), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)


def _values(history: list[dict], name: str) -> list[float]:
    return [epoch[name] for epoch in history]
