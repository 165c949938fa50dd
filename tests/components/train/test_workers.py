"""Several workers as real processes: what they learn, when one is killed and when all are told to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import psutil
import pytest

from components.train import step, workers
from estafet.runfile.steps import TrainSettings
from estafet.runfile.tasks import Task
from estafet.tracking import NullTracker
from estafet.training import testing
from estafet.training.trained import load_model

NUM_EPOCHS = 5


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """210 rows for training, 61 for validation: a class that a number and a word decide together."""
    folder, random = tmp_path_factory.mktemp("table"), np.random.default_rng(0)

    def rows(num_rows: int) -> dict[str, np.ndarray]:
        numeric_NF = random.normal(5, 2, (num_rows, 3)).astype(np.float32)
        words_NG = random.choice(["red", "green", ""], (num_rows, 1))
        label_N = (numeric_NF[:, 0] + 3 * (words_NG[:, 0] == "red") > 6).astype(np.int64)
        return {"numeric": numeric_NF, "categorical": words_NG, "label": label_N}

    splits = {"train": rows(210), "validation": rows(61), "test": rows(10)}
    testing.write_table(folder, Task.TABULAR_CLASSIFICATION, splits)
    return folder


def _settings(**train: object) -> TrainSettings:
    """Return settings of a training whose result does not depend on which replica drops which unit."""
    values = {
        "task": "tabular_classification",
        "model": {"hyperparameters": {"dropout": 0}},
        "epochs": NUM_EPOCHS,
        "batch": {"start": 25, "limit": 50, "at": [2]},
        "devices": "multi-worker",
        **train,
    }
    return TrainSettings.model_validate(values)


class Remembering(NullTracker):
    """A tracker that remembers metrics by epoch."""

    def __init__(self):
        self.metrics = {}

    def log_metrics(self, metrics, step=None):
        self.metrics[step] = dict(metrics)


def _processes() -> dict[int, psutil.Process]:
    """Return this process's workers, by their index."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        config = json.loads(process.environ().get("TF_CONFIG", "null"))
        if config:
            found[config["task"]["index"]] = process
    return found


class Disturbing:
    """A progress that kills worker 1's process in the second epoch, and tells it to end in the fourth."""

    def __init__(self):
        self.done, self.killed, self.told = [], False, False

    def by_start(self) -> list[list[float]]:
        """Return how many epochs were done when progress was told of, for each start of the chief's process."""
        starts = [[]]
        for done in self.done:
            if done is None:  # `reading the examples`
                starts.append([])
            elif done:  # 0 while the model is built
                starts[-1].append(done)
        return starts

    def __call__(self, message: str, done: float | None = None, total: float | None = None) -> None:
        self.done.append(done)
        if done and done > 1 and not self.killed:
            self.killed = True
            _processes()[1].kill()
        if done and done > 3 and not self.told:
            self.told = True
            _processes()[1].terminate()


@pytest.mark.slow
def test_workers_one_of_which_is_killed_and_told_to_end_learn_what_one_process_learns(dataset, tmp_path):
    """Batches of 25, then 50 and a last one of 10, on two processes: neither divides evenly in all of its batches."""
    disturbing, said, tracker = Disturbing(), [], Remembering()

    trained = workers.train(
        _settings(),
        dataset,
        tmp_path / "out",
        hyperparameters={},
        scratch=tmp_path / "scratch",
        progress=disturbing,
        tracker=tracker,
        say=said.append,
    )
    alone = step.train_here(
        _settings(devices="cpu"), dataset, tmp_path / "alone", hyperparameters={}, scratch=tmp_path / "other"
    )

    assert not _processes()
    assert len(said) == 2 and said[0].startswith("worker 1 (127.0.0.1:")
    assert " was lost; all begin anew" in said[0] and " was asked to end; all begin anew" in said[1]
    _, first, after_kill, after_saving = disturbing.by_start()
    assert min(first) < 1 < min(after_kill) < 3 < min(after_saving)  # epochs done: none began from the start again
    assert (trained.num_replicas, trained.devices, trained.epochs) == (2, "multi-worker", NUM_EPOCHS)
    assert sorted(tracker.metrics) == list(range(NUM_EPOCHS))
    for ours, theirs in zip(trained.history, alone.history, strict=True):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy", "batch_size", "learning_rate"):
            assert ours[name] == pytest.approx(theirs[name], abs=1e-5), name
    weights, expected = (load_model(tmp_path / name).get_weights() for name in ("out", "alone"))
    for ours, theirs in zip(weights, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
