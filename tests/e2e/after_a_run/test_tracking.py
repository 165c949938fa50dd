"""What a person finds on MLflow's page after a run: everything, named, nested and linked."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from mlflow import MlflowClient

pytestmark = pytest.mark.slow
STEPS = ["ingest", "tune", "train", "evaluate", "export", "deploy"]
NUM_EPOCHS = 4


@pytest.fixture(scope="module")
def client(first_run):
    """MLflow's client on the store of a project that has run once."""
    return client_of(first_run.store)


@pytest.fixture(scope="module")
def first(first_run, client):
    """The runs of the first pipeline run: the parent, and its steps by name."""
    return nested_runs(client, first_run.run_id)


def client_of(store):
    return MlflowClient(f"sqlite:///{store}", registry_uri=f"sqlite:///{store}")


def nested_runs(client, run_id):
    """Return the MLflow run of a pipeline run, and those that are nested in it, by step."""
    experiment = client.get_experiment_by_name("cancer")
    runs = client.search_runs([experiment.experiment_id])
    [parent] = [run for run in runs if run.data.tags.get("estafet.run") == run_id]
    nested = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    return parent, {run.info.run_name: run for run in nested}


def curve(client, run, name):
    """Return a metric's values in the order of the epochs."""
    points = sorted(client.get_metric_history(run.info.run_id, name), key=lambda point: point.step)
    assert [point.step for point in points] == list(range(NUM_EPOCHS))
    return [point.value for point in points]


def artifacts(client, run, folder=None):
    return {file.path for file in client.list_artifacts(run.info.run_id, folder)}


class TestOneRun:
    def test_each_step_is_a_finished_run_nested_in_the_pipelines_run(self, first):
        parent, nested = first

        assert sorted(nested) == sorted(STEPS)
        assert {run.info.status for run in [parent, *nested.values()]} == {"FINISHED"}

    def test_parameters_are_the_settings_that_count_as_they_were_typed(self, first):
        parent, nested = first

        chosen = ("train.epochs", "train.batch.start", "tune.subsample.share", "data.split.validation", "data.label")
        assert [parent.data.params[name] for name in chosen] == ["4", "32", "0.3", "0.2", "diagnosis"]
        assert nested["train"].data.params["epochs"] == "4"
        assert nested["train"].data.params["num_parameters"].isdigit()
        assert not any(name.startswith(("serve.", "monitor.", "data.window.")) for name in parent.data.params)
        assert "None" not in parent.data.params.values()

    def test_every_epoch_has_its_losses_batch_size_and_learning_rate(self, client, first):
        _, nested = first
        train = nested["train"]

        start = int(train.data.params["hyperparameters.batch_size"])
        assert curve(client, train, "batch_size") == [start, start, min(2 * start, 64), min(2 * start, 64)]
        [rate] = set(curve(client, train, "learning_rate"))
        assert rate == pytest.approx(float(train.data.params["hyperparameters.learning_rate"]), rel=1e-6)
        loss, val_loss = (curve(client, train, name) for name in ("loss", "val_loss"))
        assert loss[-1] < loss[0]
        assert val_loss[-1] < val_loss[0]

    def test_the_headline_has_the_same_name_and_value_in_parent_and_step(self, first):
        parent, nested = first

        assert 0.5 <= parent.data.metrics["test/accuracy"] <= 1
        assert parent.data.metrics["test/accuracy"] == nested["evaluate"].data.metrics["test/accuracy"]
        assert "accuracy" not in parent.data.metrics, "the training's own accuracy is another number"

    def test_one_data_set_is_named_wherever_it_was_used(self, first):
        parent, nested = first

        used = {
            name: [(i.dataset.name, i.dataset.digest, i.tags[0].value) for i in run.inputs.dataset_inputs]
            for name, run in [("parent", parent), *nested.items()]
        }
        version = nested["ingest"].data.params["dataset_version"][:36]
        assert used["parent"] == used["ingest"] == used["train"] == [("data", version, "training")]
        assert used["tune"] == [("data", version, "tuning")]
        assert used["evaluate"] == [("data", version, "evaluation")]

    def test_plots_and_pages_are_among_the_artifacts(self, client, first):
        parent, nested = first

        assert artifacts(client, nested["train"]) == {"curves.png"}
        assert artifacts(client, nested["tune"]) == {"history.png", "report.html", "study.json"}
        drawn = {"evaluation/confusion.png", "evaluation/calibration.png", "evaluation/report.html"}
        assert artifacts(client, nested["evaluate"], "evaluation") == drawn
        assert artifacts(client, parent) == {"run.yaml"}

    def test_the_model_has_a_signature_and_is_registered_as_candidate_and_champion(self, client, first):
        from mlflow.models import Model

        parent, nested = first
        model = client.get_registered_model("cancer")
        [version] = client.search_model_versions("name='cancer'")

        assert {alias: str(number) for alias, number in model.aliases.items()} == {"candidate": "1", "champion": "1"}
        assert version.run_id == nested["export"].info.run_id
        [made] = nested["export"].outputs.model_outputs
        assert version.source == f"models:/{made.model_id}"
        assert [output.model_id for output in parent.outputs.model_outputs] == [made.model_id]
        location = client.get_logged_model(made.model_id).artifact_location
        signature = Model.load(location.removeprefix("file://")).signature
        assert len(signature.inputs.inputs) == 30
        assert {"probabilities", "class", "confidence"} == set(signature.outputs.input_names())

    def test_the_description_links_each_step_to_its_run(self, first):
        parent, nested = first

        lines = parent.data.tags["mlflow.note.content"].splitlines()
        for step in STEPS:
            [line] = [line for line in lines if line.startswith(f"| {step} |")]
            assert f"/runs/{nested[step].info.run_id})" in line
            assert "| done |" in line


def test_a_second_run_names_the_mlflow_run_that_made_what_it_reused(trained, second_run, first):
    _, made = first

    parent, nested = nested_runs(client_of(trained.workspace / "mlflow.db"), second_run[-1])

    tags = parent.data.tags
    for step in STEPS[:-1]:
        assert made[step].info.run_id in tags[f"estafet.reused.{step}"]
        assert f"/runs/{made[step].info.run_id})" in tags["mlflow.note.content"]
    assert set(nested) <= {"deploy"}
    assert parent.data.metrics["test/accuracy"] == first[0].data.metrics["test/accuracy"]


class TestThePage:
    def test_it_shows_the_experiment_and_ends_with_the_command(self, trained, page_port):
        command = [sys.executable, "-m", "cli.main", "experiments", "run.yaml", "--no-open", "--port", str(page_port)]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
        log = trained.folder / "page.log"
        with log.open("w") as said:
            process = subprocess.Popen(command, cwd=trained.folder, env=environment, stdout=said, stderr=said)
        try:
            address = f"http://127.0.0.1:{page_port}"
            wait_for_line(log, process, f"open {address}/#/experiments/1/runs")
            with urllib.request.urlopen(address, timeout=30) as page:
                assert page.status == 200
                assert "MLflow" in page.read().decode()
            by_name = f"{address}/api/2.0/mlflow/experiments/get-by-name?experiment_name=cancer"
            with urllib.request.urlopen(by_name, timeout=30) as answer:
                assert json.load(answer)["experiment"]["name"] == "cancer"
        finally:
            process.terminate()
            process.wait(60)

        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(address, timeout=5)

    def test_a_taken_port_is_refused(self, trained):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]

            refused = trained.estafet_here("experiments", "run.yaml", "--no-open", "--port", port)

        assert refused.returncode == 4
        assert f"port {port} is taken" in refused.stderr
        assert "--port" in refused.stderr

    def test_a_project_without_runs_is_told_to_make_one(self, project):
        refused = project.estafet_here("experiments", "run.yaml", "--no-open")

        assert refused.returncode == 2
        assert "estafet run run.yaml" in refused.stderr


@pytest.fixture
def page_port():
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_line(log, process, line):
    """Wait until a process has said a line; fail with all that it said where it ends without."""
    until = time.monotonic() + 180
    while line not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.2)
