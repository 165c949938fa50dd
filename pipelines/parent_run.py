"""The MLflow run of a whole pipeline run, which the runs of its steps are nested in."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from estafet.errors import EstafetError
from estafet.evaluation import Evaluation
from estafet.files import read_json, write_json
from estafet.runfile import LoadedRunFile
from estafet.tracking import MlflowTracker
from pipelines.run_state import RunState, StepState
from pipelines.workspace import Workspace

RUN_RECORD = "run.json"


class ParentRun:
    """One pipeline run as MLflow and the run's folder know it."""

    def __init__(self, loaded: LoadedRunFile, workspace: Workspace, state: RunState, uri: str):
        self._loaded, self._workspace, self._state = loaded, workspace, state
        tags = {
            "estafet.run": state.run_id,
            "estafet.run_file": str(loaded.path),
            "estafet.profile": loaded.profile or "",
            "estafet.overrides": " ".join(loaded.overrides),
        }
        experiment = loaded.run.tracking.experiment or loaded.run.name
        root = f"file://{workspace.mlflow_artifacts}" if uri == workspace.mlflow_uri else None
        self._tracker = MlflowTracker(uri, experiment, state.run_id, artifact_root=root, tags=tags)

    def begin(self) -> str:
        """Open the run and return its id."""
        run = self._loaded.run.model_dump(mode="json", exclude={"cluster", "notify", "tracking"})
        self._tracker.log_parameters(run)
        self._save("running")
        return self._tracker.run_id

    def end(self, error: EstafetError | None) -> float:
        """Close the run with its headline and with links to what it reused; returns its wall time in seconds."""
        wall_s = time.time() - self._state.started
        reused = {state.step: state.made_by for state in self._state.steps.values() if state.state == "reused"}
        self._save("failed" if error else "done", error, wall_s)
        tags = {f"estafet.reused.{step}": self._mlflow_run_of(run, step) for step, run in reused.items()}
        tags["estafet.error"] = error.message if error else ""
        with contextlib.suppress(Exception):  # what was made stays made when MLflow goes away at the last moment
            self._tracker.log_metrics({"cost/wall_s": wall_s, **headline_metrics(self._state)})
            self._tracker.log_tags({key: value[:5000] for key, value in tags.items()})
            self._tracker.end("FAILED" if error else "FINISHED")
        return wall_s

    def _mlflow_run_of(self, run: str, step: str) -> str:
        with contextlib.suppress(OSError, KeyError, ValueError):
            steps = read_json(self._workspace.runs / run / RUN_RECORD)["steps"]
            return f"{run} (MLflow run {steps[step]['mlflow_run_id']})"
        return run

    def _save(self, state: str, error: EstafetError | None = None, wall_s: float | None = None) -> None:
        steps = {step.step: _describe(step) for step in self._state.steps.values()}
        write_json(
            self._state.folder / RUN_RECORD,
            {
                "run": self._state.run_id,
                "run_file": str(self._loaded.path),
                "overrides": list(self._loaded.overrides),
                "profile": self._loaded.profile,
                "state": state,
                "started": self._state.started,
                "wall_s": wall_s,
                "error": str(error) if error else None,
                "mlflow_run_id": self._tracker.run_id,
                "steps": steps,
            },
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
    """Return the metrics of a run's evaluation, by name."""
    evaluation = evaluation_of(state)
    return dict(evaluation.metrics) if evaluation else {}
