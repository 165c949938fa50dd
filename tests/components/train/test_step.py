"""The train step: what it writes, which hyperparameters win, and how good the default models are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

from components.train import step
from estafet.errors import ConfigError, DataError, StepFailed
from estafet.records import reading
from estafet.records.manifest import Manifest, WindowSpec
from estafet.runfile.tasks import Task
from estafet.tracking import NullTracker
from estafet.training import testing
from estafet.training.trained import Trained, load_model


class Remembering(NullTracker):
    """A tracker that remembers."""

    def __init__(self):
        self.parameters, self.steps, self.files, self.datasets = {}, [], [], []

    def log_parameters(self, parameters):
        self.parameters.update(parameters)

    def log_metrics(self, metrics, step=None):
        self.steps.append(step)

    def log_file(self, path, folder=""):
        self.files.append(Path(path).name)

    def log_dataset(self, name, version, source, context):
        self.datasets.append((version, context))


def _settings(task: Task, hyperparameters: dict | None = None, **train) -> step.Settings:
    return step.Settings.model_validate({"task": task, "model": {"hyperparameters": hyperparameters or {}}, **train})


def _shares(num_examples: int, seed: int = 0) -> dict[str, np.ndarray]:
    order = np.random.default_rng(seed).permutation(num_examples)
    parts = np.split(order, [int(0.8 * num_examples), int(0.9 * num_examples)])
    return dict(zip(("train", "validation", "test"), parts, strict=True))


def _predict(model_folder: Path, dataset_folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return test features (the only kind), labels and predictions."""
    model = load_model(model_folder)
    batches = list(reading.dataset(dataset_folder, "test", batch_size=512))
    features, labels, predictions = [], [], []
    for inputs, labels_B in batches:
        features.append(next(iter(inputs.values())).numpy())
        labels.append(labels_B.numpy())
        predictions.append(np.asarray(model(inputs, training=False)))
    return np.concatenate(features), np.concatenate(labels), np.concatenate(predictions)


@pytest.fixture(scope="module")
def line(tmp_path_factory) -> Path:
    """A regression that is a straight line: y = 3x + 100."""
    folder, x = tmp_path_factory.mktemp("line"), np.random.default_rng(0).normal(size=(300, 1)).astype(np.float32)
    shares = _shares(300)
    rows = {name: {"numeric": x[i], "label": (3 * x[i, 0] + 100).astype(np.float32)} for name, i in shares.items()}
    testing.write_table(folder, Task.TABULAR_REGRESSION, rows)
    return folder


@pytest.mark.slow
def test_a_training_leaves_a_model_its_record_and_its_curves_and_no_scratch(line, tmp_path):
    out, scratch, tracker = tmp_path / "model", tmp_path / "scratch", Remembering()
    settings = _settings(Task.TABULAR_REGRESSION, epochs=3, batch={"start": 30, "limit": 60, "every_epochs": 1})

    trained = step.train(settings, line, out, hyperparameters={}, scratch=scratch, tracker=tracker)

    assert sorted(path.name for path in out.iterdir()) == ["curves.png", "model.keras", "training.json"]
    assert not scratch.exists()
    assert Trained.load(out) == trained
    assert trained.dataset_version == Manifest.load(line).version
    assert [epoch["batch_size"] for epoch in trained.history] == [30, 60, 60]
    assert tracker.steps == [0, 1, 2] and tracker.files == ["curves.png"]
    assert tracker.datasets == [(trained.dataset_version, "training")]
    assert tracker.parameters["num_parameters"] == trained.num_parameters == load_model(out).count_params()
    _, labels, predictions = _predict(out, line)
    assert np.abs(predictions[:, 0] - labels).mean() < labels.std()
    assert step.summary(trained).startswith("validation rmse ")


@pytest.mark.slow
def test_the_run_files_hyperparameters_win_over_those_found_which_win_over_the_defaults(line, tmp_path):
    """Found values arrive from Kubeflow as floats; a batch above the schedule's limit is held to it."""
    settings = _settings(Task.TABULAR_REGRESSION, {"units": 8.0}, epochs=1, learning_rate=0.5, batch={"limit": 64})
    found = {"units": 16.0, "layers": 1.0, "learning_rate": 0.02, "batch_size": 128.0}

    trained = step.train(settings, line, tmp_path / "model", hyperparameters=found, scratch=tmp_path / "scratch")

    expected = {"units": 8, "layers": 1, "dropout": 0.2, "learning_rate": 0.02, "batch_size": 64}
    assert trained.hyperparameters == {**trained.hyperparameters, **expected}
    assert trained.history[0]["learning_rate"] == pytest.approx(0.02)
    assert trained.history[0]["batch_size"] == 64


@pytest.mark.parametrize("hyperparameters", [{"learning_rate": 0}, {"learning_rate": "fast"}, {"batch_size": 0.5}])
def test_an_impossible_learning_rate_or_batch_is_refused(line, tmp_path, hyperparameters):
    with pytest.raises(ConfigError, match=next(iter(hyperparameters))):
        step.train(
            _settings(Task.TABULAR_REGRESSION, hyperparameters),
            line,
            tmp_path / "model",
            hyperparameters={},
            scratch=tmp_path / "scratch",
        )


def test_an_empty_validation_split_is_refused_and_nothing_is_written(tmp_path):
    rows = {"numeric": np.ones((4, 1), np.float32), "label": np.arange(4, dtype=np.float32)}
    none = {name: values[:0] for name, values in rows.items()}
    testing.write_table(tmp_path / "data", Task.TABULAR_REGRESSION, {"train": rows, "validation": none, "test": rows})

    with pytest.raises(DataError, match="validation"):
        step.train(
            _settings(Task.TABULAR_REGRESSION, batch=4),
            tmp_path / "data",
            tmp_path / "model",
            hyperparameters={},
            scratch=tmp_path / "scratch",
        )

    assert not (tmp_path / "model").exists()


def test_a_first_batch_that_is_larger_than_the_data_is_refused_with_both_sizes(line, tmp_path):
    """Of 300 rows, 240 are to learn from; what `tune` found is held to them without a word."""
    with pytest.raises(ConfigError, match=r"train\.batch\.start is 250, and the training split holds 240") as caught:
        step.train(
            _settings(Task.TABULAR_REGRESSION, batch={"start": 250}),
            line,
            tmp_path / "model",
            hyperparameters={},
            scratch=tmp_path / "scratch",
        )

    assert "set train.batch.start to 240 at most" in caught.value.hint


@pytest.mark.slow
def test_a_learning_rate_that_blows_up_is_refused_and_nothing_is_written(line, tmp_path):
    settings = _settings(Task.TABULAR_REGRESSION, epochs=3, learning_rate=1e30, optimizer="sgd")

    with pytest.raises(StepFailed, match="at a learning rate of 1e"):
        step.train(settings, line, tmp_path / "model", hyperparameters={}, scratch=tmp_path / "scratch")

    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_digits_are_told_apart_in_20_epochs(tmp_path):
    digits = load_digits()
    images = (digits.images * 255 / 16).round().astype(np.uint8)[..., None]
    rows = {name: {"image": images[i], "label": digits.target[i]} for name, i in _shares(len(images)).items()}
    testing.write_images(tmp_path / "data", rows)

    step.train(
        _settings(Task.IMAGE_CLASSIFICATION),
        tmp_path / "data",
        tmp_path / "model",
        hyperparameters={},
        scratch=tmp_path / "scratch",
    )

    _, labels, probabilities = _predict(tmp_path / "model", tmp_path / "data")
    assert (probabilities.argmax(axis=1) == labels).mean() >= 0.97


@pytest.mark.slow
def test_tumours_are_told_apart(tmp_path):
    """ROC AUC by its definition: the share of pairs of one of each class that are in the right order."""
    cancer = load_breast_cancer()
    rows = {
        name: {"numeric": cancer.data[i].astype(np.float32), "label": cancer.target[i]}
        for name, i in _shares(len(cancer.data)).items()
    }
    testing.write_table(tmp_path / "data", Task.TABULAR_CLASSIFICATION, rows)

    step.train(
        _settings(Task.TABULAR_CLASSIFICATION),
        tmp_path / "data",
        tmp_path / "model",
        hyperparameters={},
        scratch=tmp_path / "scratch",
    )

    _, labels, probabilities = _predict(tmp_path / "model", tmp_path / "data")
    pairs = probabilities[labels == 1, 1][:, None] - probabilities[labels == 0, 1][None, :]
    assert (pairs > 0).mean() >= 0.985


@pytest.mark.slow
def test_a_seasonal_series_with_a_trend_is_forecast_better_than_by_repeating_last_season(tmp_path):
    """Season 12, trend 0.2 a step: repeating last season misses by 12 · 0.2 = 2.4, and noise of 0.3 comes on top."""
    steps = np.arange(600)
    noise = np.random.default_rng(0).normal(0, 0.3, 600)
    values = 0.2 * steps + 3 * np.sin(2 * np.pi * steps / 12) + noise
    testing.write_series(tmp_path / "data", values, WindowSpec(lookback=36, horizon=6, stride=1, season=12))

    step.train(
        _settings(Task.FORECASTING, epochs=10),
        tmp_path / "data",
        tmp_path / "model",
        hyperparameters={},
        scratch=tmp_path / "scratch",
    )

    windows, future, forecast = _predict(tmp_path / "model", tmp_path / "data")
    naive_error = np.abs(windows[:, -12:-6, 0] - future).mean()
    assert naive_error == pytest.approx(2.4, abs=0.15)
    assert np.abs(forecast - future).mean() < 0.25 * naive_error
