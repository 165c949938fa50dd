"""The training loop: records, early stopping, resuming after a kill, and several replicas."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from estafet.errors import DataError, StepFailed
from estafet.records.manifest import Manifest
from estafet.runfile.tasks import Task
from estafet.tracking import NullTracker
from estafet.training import feeding, loop, testing
from estafet.training.batch_schedule import BatchSchedule
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

    def fit(folder, epochs, scratch=None, on_epoch=None):
        spec = ModelSpec.from_manifest(Manifest.load(folder))
        train, validation = feeding.load(folder, "train"), feeding.load(folder, "validation")
        plan = loop.Plan(epochs, BatchSchedule(15, 60, 2, 2, "sqrt"), learning_rate=0.01, seed=3)
        return loop.fit(spec, "default", {}, train, validation, plan, scratch=scratch, on_epoch=on_epoch)
"""


class Remembering(NullTracker):
    """A tracker that remembers metrics by step."""

    def __init__(self):
        self.metrics = {}

    def log_metrics(self, metrics, step=None):
        self.metrics[step] = dict(metrics)


def _fit(folder, plan: loop.Plan, **kwargs) -> loop.Outcome:
    spec = ModelSpec.from_manifest(Manifest.load(folder))
    return loop.fit(
        spec, "default", {}, feeding.load(folder, "train"), feeding.load(folder, "validation"), plan, **kwargs
    )


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
        loop.Plan(3, BatchSchedule(50, 100, 2, 1, "linear"), learning_rate=0.01),
        tracker=tracker,
        progress=lambda message, done=None, total=None: said.append((message, done, total)),
    )

    assert [epoch["batch_size"] for epoch in outcome.history] == [50, 100, 100]
    assert [epoch["learning_rate"] for epoch in outcome.history] == pytest.approx([0.01, 0.02, 0.02])
    assert outcome.history[-1]["val_accuracy"] > 0.7
    assert tracker.metrics == dict(enumerate(outcome.history))
    assert said[-1][0].startswith("epoch 3/3 · loss ") and said[-1][1:] == (3, 3)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(table):
    plans = [loop.Plan(1, BatchSchedule.constant(50), seed=seed) for seed in (1, 1, 2)]
    weights = [np.concatenate([part.ravel() for part in _fit(table, plan).weights]) for plan in plans]

    np.testing.assert_allclose(weights[0], weights[1], atol=1e-6)
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
    for best, wanted in zip(outcome.weights, shorter.weights, strict=True):
        np.testing.assert_allclose(best, wanted, atol=1e-4)


@pytest.mark.slow
def test_a_training_killed_in_the_middle_of_an_epoch_ends_as_if_it_had_not_been(table, tmp_path):
    """SIGKILL in the fourth epoch of six; dropout, Adam's moments, the order and the schedule all go on."""
    killed = _python(
        """
        from estafet.training.callbacks import Recorder
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
    plan = loop.Plan(6, BatchSchedule(15, 60, 2, 2, "sqrt"), learning_rate=0.01, seed=3)
    tracker = Remembering()

    resumed = _fit(table, plan, scratch=tmp_path, tracker=tracker)
    whole = _fit(table, plan)

    assert (resumed.resumed_from, whole.resumed_from) == (3, 0)
    assert list(tracker.metrics) == list(range(6))
    assert [epoch["batch_size"] for epoch in resumed.history] == [15, 15, 30, 30, 60, 60]
    for ours, theirs in zip(resumed.weights, whole.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.slow
def test_two_replicas_follow_the_schedule_and_learn_what_one_device_learns(table, tmp_path):
    """Words, odd batches and a small last one go to both; dropout differs, so the losses are near and not equal."""
    code = """
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
        outcome = fit(sys.argv[1], 5)
        strategy, source = loop.strategy_for("mirrored"), feeding.load(sys.argv[2], "validation", max_bytes_in_memory=0)
        divided = [
            [len(part) for part in strategy.experimental_local_results(labels)]
            for _, labels in strategy.experimental_distribute_dataset(source.batches())
        ]
        print(json.dumps([outcome.num_replicas, outcome.history, divided]))
    """

    images = {"image": np.zeros((6, 4, 4, 1), np.uint8), "label": np.arange(6) % 2}
    testing.write_images(tmp_path / "images", dict.fromkeys(("train", "validation", "test"), images))

    ran = _python(code, str(table), str(tmp_path / "images"))

    assert ran.returncode == 0, ran.stderr[-3000:]
    num_replicas, history, divided = json.loads(ran.stdout)
    one = _fit(table, loop.Plan(5, BatchSchedule(15, 60, 2, 2, "sqrt"), learning_rate=0.01, seed=3))
    assert num_replicas == 2
    assert divided == [[3, 3]]
    assert [epoch["batch_size"] for epoch in history] == [15, 15, 30, 30, 60]
    assert history[-1]["val_log_loss"] == pytest.approx(one.history[-1]["val_log_loss"], rel=0.25)
