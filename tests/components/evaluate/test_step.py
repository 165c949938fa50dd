"""Evaluation from a trained model to a decision, for every task."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.evaluate import reference, step
from estafet.errors import ConfigError
from estafet.evaluation import Evaluation
from estafet.images import DESCRIPTORS
from estafet.metrics import BY_TASK
from estafet.records.reading import num_examples
from estafet.runfile.tasks import Task

pytestmark = pytest.mark.slow

PLOTS = {
    Task.IMAGE_CLASSIFICATION: {"confusion.png", "calibration.png"},
    Task.TABULAR_CLASSIFICATION: {"confusion.png", "calibration.png"},
    Task.TABULAR_REGRESSION: {"predicted.png", "residuals.png"},
    Task.FORECASTING: {"forecast.png", "error_by_step.png"},
}
BASELINES = {
    Task.IMAGE_CLASSIFICATION: {"majority class"},
    Task.TABULAR_CLASSIFICATION: {"majority class", "logistic regression"},
    Task.TABULAR_REGRESSION: {"mean of the label", "ridge regression"},
    Task.FORECASTING: {"seasonal naive"},
}


class Recorder:
    """A tracker that remembers."""

    def __init__(self):
        self.metrics, self.files, self.datasets = {}, [], []

    def log_metrics(self, metrics, step=None):
        self.metrics |= metrics

    def log_file(self, path, folder=""):
        self.files.append(path.name)

    def log_tags(self, tags):
        pass

    def log_dataset(self, name, version, source, context):
        self.datasets.append((version, context))


def settings(relay, **more) -> step.Settings:
    return step.Settings(**relay.settings(**more))


@pytest.mark.parametrize("task", list(Task))
def test_every_task_gets_metrics_baselines_plots_a_page_and_a_reference(task, relay_of, tmp_path):
    relay, tracker = relay_of(task), Recorder()

    evaluation = step.evaluate(settings(relay), relay.model, relay.dataset, tmp_path, tracker=tracker)

    assert evaluation.passed
    assert evaluation.metrics.keys() <= set(BY_TASK[task])
    assert evaluation.baselines.keys() == BASELINES[task]
    assert evaluation.num_examples == num_examples(relay.dataset, "test")
    assert Evaluation.load(tmp_path) == evaluation
    names = {path.name for path in tmp_path.iterdir()}
    assert names == PLOTS[task] | {"evaluation.json", "report.html", "reference.parquet"}
    assert (tmp_path / "report.html").read_text().count("data:image/png;base64,") == 2
    assert tracker.metrics[f"test/{evaluation.headline}"] == evaluation.headline_value
    assert set(tracker.files) == PLOTS[task] | {"report.html"}
    assert tracker.datasets == [(evaluation.dataset_version, "evaluation")]


def test_a_trained_model_beats_the_majority_class(relay_of, tmp_path):
    relay = relay_of(Task.IMAGE_CLASSIFICATION)

    evaluation = step.evaluate(settings(relay), relay.model, relay.dataset, tmp_path)

    assert evaluation.metrics["accuracy"] > evaluation.baselines["majority class"]["accuracy"] + 0.2


def test_the_naive_forecast_is_off_by_a_year_of_the_trend(relay_of, tmp_path):
    """The series rises by 0.1 a month and repeats each 12: the seasonal-naive forecast is off by 1.2."""
    relay = relay_of(Task.FORECASTING)

    evaluation = step.evaluate(settings(relay), relay.model, relay.dataset, tmp_path)

    found = evaluation.baselines["seasonal naive"]
    assert found["mae"] == pytest.approx(1.2, rel=1e-3)
    assert found["skill"] == pytest.approx(0)
    assert evaluation.metrics["skill"] == pytest.approx(1 - evaluation.metrics["mae"] / found["mae"])


def test_a_linear_label_is_all_but_explained_by_ridge_regression(relay_of, tmp_path):
    """The noise has a standard deviation of 0.5."""
    relay = relay_of(Task.TABULAR_REGRESSION)

    evaluation = step.evaluate(settings(relay), relay.model, relay.dataset, tmp_path)

    assert evaluation.baselines["ridge regression"]["rmse"] == pytest.approx(0.5, abs=0.15)


def test_a_gate_that_fails_refuses_the_candidate(relay_of, tmp_path):
    relay = relay_of(Task.TABULAR_REGRESSION)

    evaluation = step.evaluate(settings(relay, gates={"rmse": {"max": 1e-6}}), relay.model, relay.dataset, tmp_path)

    assert not evaluation.passed
    assert step.summary(evaluation).endswith("> 1e-06: refused")
    assert "refused" in (tmp_path / "report.html").read_text()


def test_the_reference_of_a_table_has_the_raw_columns_and_the_answers(relay_of, tmp_path):
    relay = relay_of(Task.TABULAR_CLASSIFICATION)

    step.evaluate(settings(relay), relay.model, relay.dataset, tmp_path)

    table = pq.read_table(tmp_path / "reference.parquet")
    assert table.column_names == ["mean radius", "größe (cm)", "colour", "prediction", "confidence", "label"]
    assert table.num_rows == sum(num_examples(relay.dataset, split) for split in ("validation", "test"))
    assert set(table["label"].to_pylist()) == {"no", "yes"}
    assert np.nanmin(table["confidence"].to_numpy()) >= 0.5


def test_the_reference_of_images_has_descriptors_in_place_of_pixels(relay_of, tmp_path):
    relay = relay_of(Task.IMAGE_CLASSIFICATION)

    step.evaluate(settings(relay), relay.model, relay.dataset, tmp_path)

    assert pq.read_table(tmp_path / "reference.parquet").column_names == [
        *DESCRIPTORS, "prediction", "confidence", "label"
    ]  # fmt: skip


def test_the_reference_of_a_series_has_flat_windows(relay_of, tmp_path):
    relay = relay_of(Task.FORECASTING)

    step.evaluate(settings(relay), relay.model, relay.dataset, tmp_path)

    row = pq.read_table(tmp_path / "reference.parquet").to_pylist()[0]
    assert {name: len(value) for name, value in row.items()} == {"values": 24, "prediction": 3, "label": 3}


@pytest.mark.parametrize("wrong", [{"metric": "rmse"}, {"gates": {"mae": {"max": 1}}}])
def test_a_metric_of_another_task_is_refused(wrong):
    with pytest.raises(ConfigError, match="for tabular_classification"):
        step.check_metrics(step.Settings(task=Task.TABULAR_CLASSIFICATION, model={}, **wrong))


def test_a_large_test_split_is_reference_enough():
    assert reference.splits_to_use(5000, 5000) == ("test",)
    assert reference.splits_to_use(4999, 1) == ("validation", "test")
    assert reference.splits_to_use(10, 0) == ("test",)


def test_rows_are_thinned_evenly_and_in_order():
    assert reference.evenly_spaced(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert reference.evenly_spaced(9, 3).tolist() == [0, 4, 8]
