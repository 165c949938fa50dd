"""The MLflow run of a whole pipeline run, which the runs of its steps are nested in."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Any

import yaml

from estafet.errors import EstafetError, ServiceUnavailable
from estafet.evaluation import Evaluation
from estafet.files import read_json, replacing, write_json
from estafet.process import is_running
from estafet.records.manifest import Manifest
from estafet.release import Release
from estafet.runfile import LoadedRunFile, RunFile, Task
from estafet.tracking import MlflowTracker, check_reachable, without_credentials_in
from pipelines.run_note import run_note
from pipelines.run_state import RunState, StepState
from pipelines.workspace import Workspace

RUN_RECORD = "run.json"
ID_FILE = "mlflow-run-id"
NOTE_TAG = "mlflow.note.content"
CACHED_SECTIONS = ("tune", "train", "evaluate", "export")


class ParentRun:
    """One pipeline run as MLflow and the run's folder know it."""

    def __init__(self, loaded: LoadedRunFile, workspace: Workspace, state: RunState, uri: str):
        self._loaded, self._workspace, self._state = loaded, workspace, state
        tags = {
            "estafet.run": state.run_id,
            "estafet.run_file": str(loaded.path),
            "estafet.profile": loaded.profile or "",
            "estafet.overrides": without_credentials_in(" ".join(loaded.overrides)),
        }
        tags = {key: value for key, value in tags.items() if value}
        experiment = loaded.run.tracking.experiment or loaded.run.name
        root = Path(workspace.mlflow_artifacts).as_uri() if uri.startswith("sqlite:") else None
        self._tracker = MlflowTracker(uri, experiment, state.run_id, artifact_root=root, tags=tags)
        self._id_file = state.folder / ID_FILE
        self._failure: EstafetError | None = None

    def begin(self) -> Path:
        """Open the run beside the first step, which need not wait for MLflow to be imported.

        Returns:
            The file in which the run's id will stand; it stays empty where the run cannot be made.
        """
        self._save("running")
        self._opening = threading.Thread(target=self._open, name="open-parent-run", daemon=True)
        self._opening.start()
        return self._id_file

    def _open(self) -> None:
        run_id = ""
        try:
            self._tracker.log_parameters(
                parameters_of(self._loaded.run, monitoring="detect_drift" in self._state.steps)
            )
            run_id = self._tracker.run_id
        except Exception as error:  # told by `end`, in the runner's own thread
            self._failure = error if isinstance(error, EstafetError) else _not_opened(self._tracker.uri, error)
        finally:
            with replacing(self._id_file) as file:
                file.write(run_id)
        if run_id:
            with contextlib.suppress(Exception):
                self._tracker.log_file(self._write_run_file())
                self._close_killed_runs()

    def _close_killed_runs(self) -> None:
        """Say of earlier runs whose process is gone that they were killed, since they could not say so themselves."""
        for path in self._workspace.runs.glob(f"*/{RUN_RECORD}"):
            record = read_json(path)
            if record["state"] == "running" and not is_running(record["pid"]):
                write_json(path, {**record, "state": "killed"})
                if record["mlflow_run_id"] or (run_id := _read_id(path.with_name(ID_FILE))):
                    self._tracker.client.set_terminated(record["mlflow_run_id"] or run_id, "KILLED")

    def _write_run_file(self) -> Path:
        """Write the run file as it was understood, profile and overrides applied, and without its secrets."""
        values = self._loaded.run.model_dump(mode="json", exclude_none=True, exclude={"notify"})
        path = self._state.folder / "run.yaml"
        with replacing(path) as file:
            file.write(without_credentials_in(yaml.safe_dump(values, sort_keys=False, allow_unicode=True)))
        return path

    def end(self, error: EstafetError | None) -> tuple[float, EstafetError | None]:
        """Close the run with its headline and with links to what it reused.

        Args:
            error: What ended the run, if it did not succeed.

        Returns:
            The run's wall time in seconds, and what ended it: where MLflow did, that and not what came of it.
        """
        self._opening.join()
        error = self._failure or error
        wall_s = time.time() - self._state.started
        reused = [state for state in self._state.steps.values() if state.state == "reused"]
        self._save("failed" if error else "done", error, wall_s)
        tags = {f"estafet.reused.{step.step}": self._origin(step) for step in reused}
        if error:
            tags["estafet.error"] = error.message
        with contextlib.suppress(Exception):  # what was made stays made when MLflow goes away at the last moment
            check_reachable(self._tracker.uri)
            self._tracker.log_metrics({"cost/wall_s": wall_s, **headline_metrics(self._state)})
            self._tracker.log_tags({key: value[:5000] for key, value in tags.items()})
            self._link()
            self._tracker.end("FAILED" if error else "FINISHED")
        return wall_s, error

    def _link(self) -> None:
        """Name what the run came from and led to, whether its steps ran now or were reused."""
        ids = {name: self._mlflow_run_id(step) for name, step in self._state.steps.items()}
        self._tracker.log_tags({NOTE_TAG: run_note(self._state, ids, self._tracker.experiment_id)})
        outputs = {name: step.outputs for name, step in self._state.steps.items()}
        if dataset := outputs.get("ingest", {}).get("dataset"):
            manifest = Manifest.load(dataset.path)
            self._tracker.log_dataset(manifest.name, manifest.version, manifest.sources[0], "training")
        servable = outputs.get("export", {}).get("servable")
        if servable and (model_id := Release.load(servable.path).mlflow_model_id):
            self._tracker.log_model(model_id)

    def _mlflow_run_id(self, step: StepState) -> str | None:
        """Return the id of the MLflow run in which a step's result was made, now or earlier."""
        if step.record:
            return step.record.mlflow_run_id
        with contextlib.suppress(OSError, KeyError, ValueError):
            return read_json(self._workspace.runs / step.made_by / RUN_RECORD)["steps"][step.step]["mlflow_run_id"]
        return None

    def _origin(self, step: StepState) -> str:
        mlflow_run_id = self._mlflow_run_id(step)
        return f"{step.made_by} (MLflow run {mlflow_run_id})" if mlflow_run_id else step.made_by

    def _save(self, state: str, error: EstafetError | None = None, wall_s: float | None = None) -> None:
        steps = {step.step: _describe(step) for step in self._state.steps.values()}
        write_json(
            self._state.folder / RUN_RECORD,
            {
                "run": self._state.run_id,
                "run_file": str(self._loaded.path),
                "overrides": [without_credentials_in(override) for override in self._loaded.overrides],
                "profile": self._loaded.profile,
                "state": state,
                "pid": os.getpid(),
                "started": self._state.started,
                "wall_s": wall_s,
                "error": str(error) if error else None,
                "mlflow_run_id": self._tracker.run_id if self._tracker.started else None,
                "steps": steps,
            },
        )


def _read_id(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _not_opened(uri: str, error: Exception) -> EstafetError:
    return ServiceUnavailable(
        f"MLflow at {uri} could not open a run: {type(error).__name__}: {error}",
        hint="mend it, or unset tracking.uri and MLFLOW_TRACKING_URI to use SQLite in the workspace; "
        "then run the same command again.",
    )


def _describe(state: StepState) -> dict[str, Any]:
    record = state.record
    cost = {"wall_s": record.wall_s, "cpu_s": record.cpu_s, "peak_mb": record.peak_mb} if record else {}
    return {
        "state": state.state,
        "message": state.message,
        "made_by": state.made_by,
        "mlflow_run_id": record.mlflow_run_id if record else None,
        **cost,
    }


def evaluation_of(state: RunState) -> Evaluation | None:
    """Return the evaluation that a run made or reused; None where it did not come so far."""
    evaluate = state.steps.get("evaluate")
    artifact = evaluate.outputs.get("evaluation") if evaluate else None
    return Evaluation.load(artifact.path) if artifact is not None else None


def headline_metrics(state: RunState) -> dict[str, float]:
    """Return the metrics of a run's evaluation, named as in the run of its step: `test/accuracy`."""
    evaluation = evaluation_of(state)
    return {f"{evaluation.split}/{name}": value for name, value in evaluation.metrics.items()} if evaluation else {}


def parameters_of(run: RunFile, *, monitoring: bool) -> dict[str, Any]:
    """Return the settings that a pipeline run depends on, and none that it does not.

    Args:
        run: The run file.
        monitoring: Whether it is a check of served requests, and not a training.
    """
    if monitoring:
        return run.model_dump(mode="json", include={"name", "task", "monitor"})
    parameters = run.model_dump(mode="json", include={"name", "task", "data", "model", *CACHED_SECTIONS})
    if run.task != Task.FORECASTING:
        del parameters["data"]["window"]
    if not run.tune.enabled:
        parameters["tune"] = {"enabled": False}
    return parameters
