"""A forecaster that is told of the calendar: several series, from raw rows to what a server answers and logs."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.evaluate import step as evaluate
from components.export import step
from components.ingest import step as ingest
from components.train import step as train
from estafet import request_log
from estafet.mlflow_model import signature_of
from estafet.records.reading import dataset, raw_examples
from estafet.release import Contract, Smoke
from estafet.runfile.tasks import Task
from estafet.saved_model import SavedModel
from estafet.training.trained import load_model
from serving.request_log import RequestLog, batch_of
from serving.server.calls.predict import Plan
from serving.server.engine.savedmodel import SavedModel as ServedModel
from serving.server.rest.predict import parse

pytestmark = pytest.mark.slow
NUM_HOURS = 24 * 30
LOOKBACK, HORIZON = 6, 2


@dataclass(frozen=True)
class Folders:
    """What the steps have written."""

    dataset: Path
    model: Path
    evaluation: Path
    release: Path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Two shops whose sales jump at eight o'clock, which six hours before it do not tell."""
    root = tmp_path_factory.mktemp("calendar")
    hours = np.datetime64("2026-01-01T00:00") + np.arange(NUM_HOURS) * np.timedelta64(1, "h")
    rng = np.random.default_rng(0)
    with (root / "sales.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["shop", "hour", "sales"])
        for shop, level in (("b", 10), ("a", 20)):
            sales = level + 5 * (np.arange(NUM_HOURS) % 24 >= 8) + rng.normal(0, 0.1, NUM_HOURS)
            writer.writerows(zip([shop] * NUM_HOURS, hours, sales.round(2), strict=True))
    made = Folders(*(root / name for name in ("dataset", "model", "evaluation", "release")))
    settings = ingest.Settings(
        task=Task.FORECASTING,
        source=str(root / "sales.csv"),
        label="sales",
        time="hour",
        series_by="shop",
        calendar=("hour", "weekday"),
        window={"lookback": LOOKBACK, "horizon": HORIZON},
    )
    ingest.ingest(settings, made.dataset)
    about = {"task": Task.FORECASTING, "model": {}}
    quick = {"epochs": 4, "learning_rate": 0.03, "batch": 32}
    train.train(
        train.Settings(**about, **quick), made.dataset, made.model, hyperparameters={}, scratch=root / "scratch"
    )
    evaluate.evaluate(evaluate.Settings(**about), made.model, made.dataset, made.evaluation)
    step.export(
        step.Settings(name="shops", **about), made.model, made.dataset, made.evaluation, made.release, provenance={}
    )
    return made


def test_the_signature_takes_times_and_gives_what_the_keras_model_gives(folders):
    """The Keras model is fed with sines and cosines that the reader computed; the signature computes its own."""
    served = SavedModel(folders.release)
    raw = raw_examples(folders.dataset, "test")
    features, _ = next(iter(dataset(folders.dataset, "test", batch_size=len(raw["label"]))))

    answers = served.predict(raw)["forecast"]

    specs = [(spec.name, spec.dtype, spec.shape) for spec in served.contract.inputs()]
    assert specs == [("values", "float32", (LOOKBACK, 1)), ("time", "int64", (LOOKBACK,))]
    assert features["values"].shape[1:] == (LOOKBACK, 1 + 4)
    np.testing.assert_allclose(answers, load_model(folders.model)(features, training=False), rtol=1e-5)


def test_the_time_of_the_day_changes_the_forecast(folders):
    """The same flat past, once before eight o'clock and once before midnight."""
    values = np.full((2, LOOKBACK, 1), 10, np.float32)
    ends = np.array(["2026-02-02T07:00", "2026-02-02T23:00"], "datetime64[s]").astype(np.int64)
    times = ends[:, None] + 3600 * np.arange(1 - LOOKBACK, 1)

    forecast = SavedModel(folders.release).predict({"values": values, "time": times})["forecast"][:, 0]

    assert forecast[0] > forecast[1] + 0.5


def test_a_server_answers_the_smoke_test_and_logs_the_times(folders, tmp_path):
    smoke, served = Smoke.load(folders.release), ServedModel(folders.release)
    request = parse(json.dumps({"instances": smoke.instances}).encode())
    signature = served.signatures["serving_default"]

    feeds = request.feeds(signature)
    plan = Plan("serving_default", signature, feeds, tuple(signature.outputs))
    outputs = dict(zip(plan.outputs, served.run(plan.feeds, plan.fetches), strict=True))
    served.close()

    np.testing.assert_allclose(outputs["forecast"], smoke.expected, rtol=1e-5)
    log = RequestLog(tmp_path)
    log.log(batch_of("shops", 1, signature, "r", feeds, outputs))
    log.close()
    logged = request_log.read(tmp_path, "shops")
    assert logged["time"].to_pylist() == [instance["time"] for instance in smoke.instances]
    assert logged["time"].to_pylist() == raw_examples(folders.dataset, "test", 3)["time"].tolist()


def test_reference_and_mlflow_know_the_times(folders):
    row = pq.read_table(folders.evaluation / "reference.parquet").to_pylist()[0]
    inputs = signature_of(Contract.load(folders.release)).inputs

    assert {name: len(value) for name, value in row.items()} == {
        "values": LOOKBACK,
        "time": LOOKBACK,
        "prediction": HORIZON,
        "label": HORIZON,
    }
    assert {tensor.name: str(tensor.type) for tensor in inputs} == {"values": "float32", "time": "int64"}
