"""Runs a pipeline on this machine: Kubeflow's own local orchestrator, one subprocess for each step."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfp import local
from kfp.dsl import graph_component
from kfp.local import subprocess_task_handler

from estafet import telemetry
from estafet.errors import EstafetError, StepFailed
from estafet.runfile import LoadedRunFile
from estafet.tracking import PARENT_FILE_VARIABLE, check_reachable
from pipelines.arguments import monitoring_arguments, training_arguments
from pipelines.ledger import Ledger, listening
from pipelines.monitoring import STEPS as MONITORING_STEPS
from pipelines.monitoring import monitoring_pipeline
from pipelines.parent_run import ParentRun
from pipelines.run_state import RunState, StepState
from pipelines.training import STEPS as TRAINING_STEPS
from pipelines.training import training_pipeline
from pipelines.workspace import Workspace

LOG_FILE = "kfp.log"
Watch = Callable[[RunState], AbstractContextManager[None]]


@dataclass(frozen=True)
class RunResult:
    """How a run on this machine ended.

    Attributes:
        state: All that is known of its steps.
        error: What ended it, if it did not succeed.
        wall_s: Seconds from the command to the end.
        tracking_uri: Where MLflow keeps it.
    """

    state: RunState
    error: EstafetError | None
    wall_s: float
    tracking_uri: str

    @property
    def log(self) -> Path:
        """The file with everything that Kubeflow and the steps printed."""
        return self.state.folder / LOG_FILE


def run_training(loaded: LoadedRunFile, watch: Watch) -> RunResult:
    """Run the training pipeline on this machine, reusing every step whose code, data and settings are unchanged.

    Args:
        loaded: The run file.
        watch: Called with the run's state; what it returns is open while the run lasts.

    Returns:
        How the run ended; a failed step is in it, not raised.

    Raises:
        EstafetError: The run could not begin: the workspace is taken, or the tracking server does not answer.
    """
    workspace = Workspace(loaded)
    with workspace.locked("run"):
        check_reachable(workspace.tracking_uri(loaded))
        arguments = training_arguments(loaded, workspace.tracking_uri(loaded))
        provenance = {
            step: {"code": dict(code.parts), "sources": dict(arguments.sources.files) if step == "ingest" else {}}
            for step, code in arguments.code.items()
        }
        steps = [step for step in TRAINING_STEPS if step != "tune" or loaded.run.tune.enabled]
        state = RunState(workspace.new_run(), steps, Ledger(workspace.ledger), provenance)
        pipeline = training_pipeline(tuning=loaded.run.tune.enabled)
        return _run(loaded, workspace, state, pipeline, arguments.values, watch)


def run_monitoring(loaded: LoadedRunFile, watch: Watch) -> RunResult:
    """Run the monitoring pipeline once on this machine; arguments and errors as for `run_training`."""
    workspace = Workspace(loaded)
    with workspace.locked("monitor"):
        check_reachable(workspace.tracking_uri(loaded))
        state = RunState(workspace.new_run(), MONITORING_STEPS, Ledger(workspace.ledger), {})
        return _run(loaded, workspace, state, monitoring_pipeline(), monitoring_arguments(loaded), watch)


def _run(
    loaded: LoadedRunFile,
    workspace: Workspace,
    state: RunState,
    pipeline: graph_component.GraphComponent,
    arguments: Mapping[str, Any],
    watch: Watch,
) -> RunResult:
    uri = workspace.tracking_uri(loaded)
    parent = ParentRun(loaded, workspace, state, uri)
    error: EstafetError | None = None
    refused: EstafetError | None = None
    log = state.folder / LOG_FILE
    with watch(state), _environment(loaded, workspace, state, uri, parent.begin()):
        try:
            with _log_to(log), _interruptible():
                local.init(
                    local.SubprocessRunner(use_venv=False),
                    str(state.folder / "artifacts"),
                    workspace_root=tempfile.mkdtemp(prefix="estafet-"),
                    enable_caching=True,
                    cache_root=str(workspace.cache),
                )
                with listening(workspace.cache, state), _python_in_quotes():
                    pipeline(**arguments)
        except KeyboardInterrupt:
            state.stop()
            error = StepFailed("the run was interrupted.", hint="run the same command again; it continues from here.")
        except RuntimeError as failure:  # Kubeflow's word for a step that failed, which knows better why
            refused = StepFailed(str(failure), hint=f"see {log}.")
        except Exception as failure:
            error = _unforeseen(failure, log)
        finally:
            state.finish()
        if error is None:
            error = _why(state.failed, log) if state.failed else refused
        wall_s, error = parent.end(error)
    return RunResult(state, error, wall_s, uri)


def _unforeseen(failure: Exception, log: Path) -> EstafetError:
    """Return what ended the runner itself, such as a full disk; the log gets the traceback."""
    with contextlib.suppress(OSError), log.open("a", encoding="utf-8") as file:
        traceback.print_exception(failure, file=file)
    error = telemetry.rebuild(telemetry.describe(failure))
    return type(error)(error.message, hint=error.hint or f"the traceback is in {log}.")


def _why(failed: StepState, log: Path) -> EstafetError:
    """Return the error that the step itself reported, or say that it was killed."""
    record = failed.record
    if record and record.error:
        error = telemetry.rebuild(record.error)
        hint = error.hint or f"the traceback is in {log}."
        return type(error)(f"{failed.step}: {error.message}", hint=hint)
    peak = f" It had used {record.peak_mb:,.0f} MB." if record and record.peak_mb else ""
    return StepFailed(
        f"{failed.step} was killed before it could say why; the system does so when memory runs out.{peak}",
        hint=f"run the same command again, which continues from here; the step's last words are in {log}.",
    )


@contextlib.contextmanager
def _environment(
    loaded: LoadedRunFile, workspace: Workspace, state: RunState, uri: str, parent_file: Path
) -> Iterator[None]:
    """Tell the steps who they run for; the run's identity never travels in an argument, where it would spoil keys."""
    told = {
        telemetry.RUN_DIR_VARIABLE: str(state.folder),
        telemetry.SCRATCH_VARIABLE: str(workspace.scratch),
        telemetry.RUNNER_PID_VARIABLE: str(os.getpid()),
        PARENT_FILE_VARIABLE: str(parent_file),
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_EXPERIMENT_NAME": loaded.run.tracking.experiment or loaded.run.name,
        "ESTAFET_USER_PATH": str(loaded.folder),
        "PYTHONSAFEPATH": "1",  # a folder `serving` where the command was typed must not pass for ours
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore"),
    }
    before = {key: os.environ.get(key) for key in (*told, "MLFLOW_RUN_ID")}
    os.environ.update(told)
    os.environ.pop("MLFLOW_RUN_ID", None)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


@contextlib.contextmanager
def _python_in_quotes() -> Iterator[None]:
    """Start steps with this very Python, also where its path has a space, or a path in an argument has `python3`.

    Kubeflow puts the path in place of each `python3`, without quotes and in the arguments too.
    """

    def replaced(command: list[str], python: str) -> list[str]:
        return [part.replace("python3 -m ", f"{shlex.quote(python)} -m ") for part in command]

    before = subprocess_task_handler.replace_python_executable
    subprocess_task_handler.replace_python_executable = replaced
    try:
        yield
    finally:
        subprocess_task_handler.replace_python_executable = before


@contextlib.contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Send what Kubeflow and the steps print to a file."""
    with path.open("a", encoding="utf-8", buffering=1) as file, contextlib.redirect_stdout(file):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """End the run in good order on SIGTERM too, as on Ctrl-C."""

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
