"""Tracking in a real MLflow store on SQLite, and what an unreachable store is answered."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from estafet import tracking
from estafet.errors import ConfigError, ServiceUnavailable
from estafet.nested_runs import NestedRun
from estafet.tracking import MlflowTracker, NullTracker, check_reachable, tracker_from_environment


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An MLflow store: its URI, and the folder of its artifacts."""
    folder = tmp_path_factory.mktemp("mlflow")
    return f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts")


@pytest.fixture
def environment(monkeypatch):
    """An environment that says nothing of MLflow."""
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME", tracking.PARENT_FILE_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch


def test_steps_are_nested_in_the_run_of_their_pipeline(store, environment, tmp_path):
    """The runner makes that run beside the first step, which waits for its id where it needs it."""
    uri, artifacts = store
    parent = MlflowTracker(uri, "nesting", "the pipeline", artifact_root=artifacts)
    environment.setenv("MLFLOW_TRACKING_URI", uri)
    environment.setenv(tracking.PARENT_FILE_VARIABLE, str(tmp_path / "id"))

    step = tracker_from_environment("train")
    threading.Timer(0.3, lambda: (tmp_path / "id").write_text(parent.run_id)).start()
    step.log_parameters({"epochs": 3})
    step.end("FINISHED")
    parent.end("FAILED")

    run = parent.client.get_run(step.run_id)
    assert run.info.run_name == "train"
    assert run.info.experiment_id == parent.experiment_id
    assert run.data.tags["mlflow.parentRunId"] == parent.run_id
    assert run.data.tags["estafet.step"] == "train"
    assert (run.info.status, parent.client.get_run(parent.run_id).info.status) == ("FINISHED", "FAILED")


def test_a_step_says_so_where_the_run_of_its_pipeline_could_not_be_made(store, environment, tmp_path):
    environment.setenv("MLFLOW_TRACKING_URI", store[0])
    environment.setenv(tracking.PARENT_FILE_VARIABLE, str(tmp_path / "id"))
    (tmp_path / "id").write_text("")

    with pytest.raises(ServiceUnavailable, match="could not be made"):
        tracker_from_environment("train").log_parameters({"epochs": 3})


def test_all_that_is_logged_can_be_read_again(store, tmp_path):
    uri, artifacts = store
    tracker = MlflowTracker(uri, "logging", "run", artifact_root=artifacts)
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "curve.txt").write_text("curve")
    (tmp_path / "report.txt").write_text("report")

    tracker.log_parameters(
        {"batch": {"start": 32, "max": 256}, "empty": {}, "none": None, "seed": 0.0, "on": True, "long": "x" * 7000}
    )
    for epoch in range(3):
        tracker.log_metrics({"loss": 1 / (epoch + 1), "lr": 0.1}, step=epoch)
    tracker.log_file(tmp_path / "report.txt")
    tracker.log_file(tmp_path / "plots", "plots")
    tracker.log_tags({"model_version": "abc"})
    tracker.log_dataset("digits", "f" * 64, "/data", "training")

    run = tracker.client.get_run(tracker.run_id)
    assert run.data.params["batch.start"] == "32"
    assert (run.data.params["seed"], run.data.params["on"]) == ("0", "true")
    assert {"empty", "none"}.isdisjoint(run.data.params)
    assert len(run.data.params["long"]) == tracking.MAX_PARAMETER_CHARS
    assert run.data.tags["model_version"] == "abc"
    curve = tracker.client.get_metric_history(tracker.run_id, "loss")
    assert [(point.step, point.value) for point in curve] == [(0, 1), (1, 0.5), (2, pytest.approx(1 / 3))]
    assert {file.path for file in tracker.client.list_artifacts(tracker.run_id)} == {"report.txt", "plots"}
    assert [file.path for file in tracker.client.list_artifacts(tracker.run_id, "plots")] == ["plots/curve.txt"]
    [used] = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest, used.tags[0].value) == ("digits", "f" * 36, "training")


def test_more_settings_and_metrics_than_one_batch_takes_all_arrive(store):
    uri, artifacts = store
    tracker = MlflowTracker(uri, "many", "run", artifact_root=artifacts)

    tracker.log_parameters({f"p{index}": index for index in range(250)})
    tracker.log_metrics({f"m{index}": index for index in range(1100)})

    run = tracker.client.get_run(tracker.run_id)
    assert len(run.data.params) == 250
    assert len(run.data.metrics) == 1100


def test_a_run_that_is_over_is_written_whole_below_the_steps_also_with_more_than_one_batch_takes(store):
    """MLflow takes a thousand values at once, and a hundred parameters."""
    uri, artifacts = store
    step = MlflowTracker(uri, "nested", "step", artifact_root=artifacts)
    run = NestedRun(
        "long",
        parameters={f"p{n}": n for n in range(250)},
        curves={"val_loss": [float(n) for n in range(2000)]},
        metrics={"loss": 1.0},
        tags={"why": "x" * 9000},
        started=1000.0,
        seconds=2.5,
        status="FAILED",
    )

    run_id = step.log_run(run)

    found = step.client.get_run(run_id)
    assert (found.info.start_time, found.info.end_time, found.info.status) == (1_000_000, 1_002_500, "FAILED")
    assert len(found.data.params) == 250 and found.data.params["p249"] == "249"
    assert [point.value for point in step.client.get_metric_history(run_id, "val_loss")] == list(range(2000))
    assert len(found.data.tags["why"]) == 5000
    assert found.data.tags["mlflow.parentRunId"] == step.run_id


def test_a_tracker_that_forgets_has_no_id_for_a_run():
    assert NullTracker().log_run(NestedRun("trial 0")) is None


def test_no_run_is_made_before_something_is_logged(store):
    uri, artifacts = store
    tracker = MlflowTracker(uri, "nothing", "run", artifact_root=artifacts)

    tracker.end("FINISHED")

    assert not tracker.started
    assert tracker.client.get_experiment_by_name("nothing") is None


def test_a_run_that_kubeflow_made_is_adopted(store, environment):
    uri, artifacts = store
    made = MlflowTracker(uri, "adopting", "made by the plugin", artifact_root=artifacts)
    environment.setenv("MLFLOW_TRACKING_URI", uri)
    environment.setenv("MLFLOW_RUN_ID", made.run_id)

    tracker_from_environment("train").log_metrics({"loss": 2})

    assert made.client.get_run(made.run_id).data.metrics == {"loss": 2}


def test_runs_that_start_at_once_share_one_experiment(store):
    uri, artifacts = store
    trackers = [MlflowTracker(uri, "race", f"run {index}", artifact_root=artifacts) for index in range(4)]
    assert trackers[0].client is not None

    with ThreadPoolExecutor(4) as pool:
        experiments = set(pool.map(lambda tracker: tracker.experiment_id, trackers))

    assert len(experiments) == 1


def test_an_experiment_made_in_the_meantime_is_taken(store, monkeypatch):
    """The other run makes it between our look and our own attempt."""
    uri, artifacts = store
    first = MlflowTracker(uri, "meantime", "first", artifact_root=artifacts).experiment_id
    second = MlflowTracker(uri, "meantime", "second", artifact_root=artifacts)
    look, looks = second.client.get_experiment_by_name, []

    def look_too_early(name):
        looks.append(name)
        return None if len(looks) == 1 else look(name)

    monkeypatch.setattr(second.client, "get_experiment_by_name", look_too_early)

    assert second.experiment_id == first


def test_a_deleted_experiment_is_answered_with_how_to_restore_it(store):
    uri, artifacts = store
    tracker = MlflowTracker(uri, "deleted", "run", artifact_root=artifacts)
    tracker.client.delete_experiment(tracker.experiment_id)

    with pytest.raises(ConfigError, match="'deleted' was deleted") as caught:
        tracker.log_metrics({"loss": 1})

    assert "mlflow experiments restore" in caught.value.hint


def test_without_a_store_nothing_is_tracked(environment):
    tracker = tracker_from_environment("train")

    assert isinstance(tracker, NullTracker)
    for method in (tracker.log_parameters, tracker.log_metrics, tracker.log_tags):
        method({"a": 1})


@pytest.mark.parametrize("uri", ["file:///tmp/mlruns", "./mlruns", "mlruns"])
def test_the_file_store_is_refused(uri):
    with pytest.raises(ConfigError, match="no longer accepts") as caught:
        check_reachable(uri)

    assert "sqlite:///" in caught.value.hint


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.parametrize("uri", ["http://127.0.0.1:{}", "postgresql+psycopg2://me:secret@127.0.0.1:{}/mlflow"])
def test_a_store_that_does_not_answer_is_unavailable_and_its_password_stays_secret(uri):
    with pytest.raises(ServiceUnavailable, match="does not answer") as caught:
        tracking.connect(uri.format(closed_port()))

    assert caught.value.exit_status == 4
    assert "secret" not in str(caught.value)


def raised_by_a_library(kind: type[Exception]) -> Exception:
    try:
        try:
            raise kind("Max retries exceeded")
        except Exception as cause:
            raise RuntimeError("could not record the epoch") from cause
    except RuntimeError as error:
        return error


def test_a_store_that_went_away_in_the_middle_is_named_with_what_to_do():
    from mlflow.exceptions import MlflowException

    uri = f"http://127.0.0.1:{closed_port()}"

    gone = tracking.gone_away(uri, raised_by_a_library(MlflowException))

    assert isinstance(gone, ServiceUnavailable)
    assert f"{uri} went away in the middle of the run" in gone.message
    assert "run the same command" in gone.hint


def test_an_error_of_another_origin_is_not_blamed_on_the_store(store):
    from mlflow.exceptions import MlflowException

    assert tracking.gone_away(f"http://127.0.0.1:{closed_port()}", ValueError("NaN")) is None
    assert tracking.gone_away(store[0], raised_by_a_library(MlflowException)) is None


def test_a_server_that_says_nothing_is_unavailable_after_the_timeout():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()

        with pytest.raises(ServiceUnavailable, match="timed out"):
            check_reachable(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2)


@pytest.fixture
def server_answering():
    """A function that starts a server which answers every call with one status."""
    servers = []

    def start(status: int) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("status", [200, 401, 403])
def test_a_server_that_answers_or_asks_for_a_password_is_reachable(server_answering, status):
    check_reachable(f"http://{server_answering(status)}")


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_server_that_is_ill_or_no_mlflow_is_unavailable(server_answering, status):
    with pytest.raises(ServiceUnavailable, match=f"HTTP {status}"):
        check_reachable(f"http://{server_answering(status)}")


def test_a_password_in_the_address_keeps_nothing_from_working(server_answering):
    check_reachable(f"http://me:secret@{server_answering(401)}")


def test_nested_settings_get_dotted_names():
    assert tracking.flatten({"a": {"b": {"c": 1}, "d": [2]}, "e": {}}) == {"a.b.c": 1, "a.d": [2], "e": {}}
