"""A release in MLflow is a model like any other: found by its alias, answered by `pyfunc`."""

from __future__ import annotations

import mlflow
import numpy as np
import pandas as pd
import pytest

from components.export import step
from estafet.mlflow_model import signature_of
from estafet.records.reading import raw_examples
from estafet.release import Contract, Release
from estafet.runfile.tasks import Task
from estafet.saved_model import SavedModel
from estafet.tracking import MlflowTracker

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An MLflow store on SQLite; gives its URI and its artifact root."""
    folder = tmp_path_factory.mktemp("mlflow")
    return f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri()


@pytest.fixture
def registered(store, relay_of, evaluation_of, tmp_path):
    """Export a task's model with MLflow; gives the release and the model that its alias leads to."""
    uri, artifacts = store

    def run(task):
        relay, tracker = relay_of(task), MlflowTracker(uri, "tiny", "export", artifact_root=artifacts)
        name = task.value.replace("_", "-")
        settings = step.Settings(name=name, **relay.settings())
        papers = step.export(
            settings, relay.model, relay.dataset, evaluation_of(task), tmp_path / "1",
            provenance={"model_version": "m1", "dataset_version": "d1", "recipe": "r1", "compared_with": ""},
            tracker=tracker,
        )  # fmt: skip
        tracker.end("FINISHED")
        return papers, mlflow.pyfunc.load_model(f"models:/{name}@candidate")

    return run


def test_a_table_is_answered_as_a_data_frame(registered, relay_of, tmp_path):
    papers, model = registered(Task.TABULAR_CLASSIFICATION)
    raw = raw_examples(relay_of(Task.TABULAR_CLASSIFICATION).dataset, "test", 6)
    frame = pd.DataFrame({name: values for name, values in raw.items() if name != "label"})

    found = model.predict(frame.astype({"mean radius": float, "größe (cm)": float}))

    expected = SavedModel(tmp_path / "1").predict(raw)
    assert found["class"].tolist() == expected["class"].tolist()
    assert np.array(found["probabilities"].tolist()) == pytest.approx(expected["probabilities"], abs=1e-6)
    assert [column.name for column in model.metadata.signature.inputs] == ["mean radius", "größe (cm)", "colour"]
    assert papers.registered_version == "1"
    assert Release.load(tmp_path / "1") == papers
    assert papers.mlflow_model_id.startswith("m-")


def test_the_registered_version_says_what_it_was_made_from(registered, store):
    papers, _ = registered(Task.TABULAR_REGRESSION)

    client = mlflow.MlflowClient(store[0])
    version = client.get_model_version_by_alias(papers.name, "candidate")
    logged = client.get_logged_model(papers.mlflow_model_id)

    assert version.run_id == logged.source_run_id == papers.mlflow_run_id
    assert client.get_experiment(logged.experiment_id).name == "tiny"
    assert client.get_run(papers.mlflow_run_id).outputs.model_outputs[0].model_id == papers.mlflow_model_id
    assert {key: version.tags[f"estafet.{key}"] for key in ("model_version", "dataset_version", "recipe")} == {
        "model_version": "m1", "dataset_version": "d1", "recipe": "r1"
    }  # fmt: skip


def test_missing_words_and_numbers_are_taken_as_pandas_reads_them(registered):
    frame = pd.DataFrame({"mean radius": [1.0, 30.0], "größe (cm)": [None, 0.5], "colour": ["", "red"]})

    found = registered(Task.TABULAR_CLASSIFICATION)[1].predict(frame.astype({"größe (cm)": float}))

    assert found["class"].tolist() == ["no", "yes"]


def test_whole_numbers_are_taken_as_such(relay_of, release_of):
    known = Contract.load(release_of(Task.TABULAR_REGRESSION))
    features = tuple(f.model_copy(update={"is_integer": f.name == "x"}) for f in known.data_schema.numeric)
    schema = known.data_schema.model_copy(update={"numeric": features})

    inputs = signature_of(known.model_copy(update={"data_schema": schema})).inputs

    assert [(column.name, column.type.name) for column in inputs] == [("x", "long"), ("y", "double")]


def test_image_files_are_answered_as_a_data_frame(registered, relay_of, tmp_path):
    raw = raw_examples(relay_of(Task.IMAGE_CLASSIFICATION).dataset, "test", 4)

    found = registered(Task.IMAGE_CLASSIFICATION)[1].predict(pd.DataFrame({"image_bytes": raw["image_bytes"]}))

    assert found["class"].tolist() == SavedModel(tmp_path / "1").predict(raw)["class"].tolist()


def test_a_series_is_answered_as_an_array(registered, relay_of, tmp_path):
    raw = raw_examples(relay_of(Task.FORECASTING).dataset, "test", 4)

    found = registered(Task.FORECASTING)[1].predict({"values": raw["values"]})

    expected = SavedModel(tmp_path / "1").predict(raw)["forecast"]
    assert np.array(found["forecast"].tolist()) == pytest.approx(expected, rel=1e-6)
