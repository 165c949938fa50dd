"""Trains with several workers: supervisors that start `components.train.worker`, and relay what the chief says."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from components.train import worker
from estafet.runfile.steps import TrainSettings
from estafet.telemetry import Progress, silent
from estafet.tracking import NullTracker, Tracker
from estafet.training.trained import Trained
from estafet.training.workers import cluster as clusters
from estafet.training.workers import local
from estafet.training.workers.relay import PIPE_VARIABLE, Line, replay
from estafet.training.workers.supervisor import Patience, Supervisor, stop_on_signals

LOGS = "worker-logs"
JOB_FILE = "job.json"


def are_wanted(settings: TrainSettings) -> bool:
    """Return whether several workers are to train, and this process is not one of them already."""
    if PIPE_VARIABLE in os.environ:
        return False
    return settings.devices == "multi-worker" or (settings.devices == "auto" and clusters.VARIABLE in os.environ)


def train(
    settings: TrainSettings,
    dataset_folder: str | Path,
    out_folder: str | Path,
    *,
    hyperparameters: Mapping[str, Any],
    scratch: str | Path,
    progress: Progress = silent,
    tracker: Tracker | None = None,
    say: Callable[[str], None] | None = None,
    patience: Patience = Patience(),
) -> Trained:
    """Train as one of the workers that TF_CONFIG names, or else with `settings.workers` of them on this machine.

    Arguments are those of `step.train`, and besides:

    Args:
        say: Told, in a few words, when a worker was lost; where it is not given, progress is.
        patience: How long to wait for workers, and how often to begin anew.

    Returns:
        What is known of the training; every worker returns it, and only the chief has written the model.

    Raises:
        ConfigError: TF_CONFIG is wrong.
        ServiceUnavailable: A worker did not come.
        Preempted: SIGTERM or Ctrl-C; the same call goes on from the last checkpoint.
        EstafetError: What ended the training in one of the workers.
    """
    scratch = Path(scratch)
    cluster, result = clusters.from_environment(), {}
    follow = replay(progress, tracker or NullTracker())

    def on_line(line: Line) -> None:
        if line["kind"] == "trained":
            result.update(line["trained"])
        else:
            follow(line)

    with tempfile.TemporaryDirectory(prefix="estafet-workers-") as folder, stop_on_signals() as stop:
        job = Path(folder) / JOB_FILE
        job.write_text(
            json.dumps(
                {
                    "settings": settings.model_copy(update={"devices": "multi-worker"}).model_dump(mode="json"),
                    "dataset_folder": str(dataset_folder),
                    "out_folder": str(out_folder),
                    "hyperparameters": dict(hyperparameters),
                    "scratch": str(scratch),
                }
            )
        )
        command = [sys.executable, "-P", "-m", worker.__name__, str(job)]
        told = {"on_line": on_line, "say": say or progress, "patience": patience, "stop": stop}
        if cluster is None:
            environment = {name: value for name, value in os.environ.items() if name != clusters.VARIABLE}
            local.run(command, settings.workers, environment, scratch / LOGS, **told)
        else:
            Supervisor(cluster, command, **told).run()
    return Trained.model_validate(result)
