"""Runs that are written into MLflow whole, when they are over, below the run of the step that made them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from estafet.tracking import MAX_PARAMETER_CHARS, parameter_text

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

MAX_METRICS, MAX_PARAMETERS = 900, 100
"""MLflow takes a thousand values in one batch, and a hundred parameters among them."""
MAX_TAG_CHARS = 5000
PARENT_TAG = "mlflow.parentRunId"


@dataclass(frozen=True)
class NestedRun:
    """A run that is over, such as a trial of a search.

    Attributes:
        name: The run's name.
        parameters: What it was told, by name.
        metrics: What it came to, by name.
        curves: What it went through, by name: a value for each epoch, from epoch 0.
        tags: Words about it, by name.
        started: Seconds since the epoch; None where it ended just now.
        seconds: How long it took.
        status: FINISHED, FAILED or KILLED.
    """

    name: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    started: float | None = None
    seconds: float = 0.0
    status: str = "FINISHED"


def write(client: MlflowClient, experiment_id: str, parent_run_id: str, run: NestedRun) -> str:
    """Write a run that is over into MLflow, in three requests where it is not large, and return its id."""
    from mlflow.entities import Param

    started_ms = int(1000 * (time.time() - run.seconds if run.started is None else run.started))
    ended_ms = started_ms + round(1000 * run.seconds)
    tags = {PARENT_TAG: parent_run_id, **{name: str(text)[:MAX_TAG_CHARS] for name, text in run.tags.items()}}
    made = client.create_run(experiment_id, start_time=started_ms, tags=tags, run_name=run.name)
    run_id = made.info.run_id
    params = [Param(name, parameter_text(value)[:MAX_PARAMETER_CHARS]) for name, value in run.parameters.items()]
    metrics = list(_metrics(run, ended_ms))
    for batch in range(max(-(-len(params) // MAX_PARAMETERS), -(-len(metrics) // MAX_METRICS))):
        client.log_batch(
            run_id,
            metrics=metrics[batch * MAX_METRICS : (batch + 1) * MAX_METRICS],
            params=params[batch * MAX_PARAMETERS : (batch + 1) * MAX_PARAMETERS],
        )
    client.set_terminated(run_id, run.status, end_time=ended_ms)
    return run_id


def move(client: MlflowClient, run_id: str, experiment_id: str, parent_run_id: str) -> bool:
    """Put a run that an earlier attempt wrote below this one; return False where the experiment no longer has it."""
    from mlflow.exceptions import MlflowException

    try:
        info = client.get_run(run_id).info
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise
    if info.lifecycle_stage == "deleted" or info.experiment_id != experiment_id:
        return False
    client.set_tag(run_id, PARENT_TAG, parent_run_id)
    return True


def _metrics(run: NestedRun, ended_ms: int) -> Iterator[Metric]:
    from mlflow.entities import Metric

    for name, value in run.metrics.items():
        yield Metric(name, float(value), ended_ms, 0)
    for name, values in run.curves.items():
        for epoch, value in enumerate(values):
            yield Metric(name, float(value), ended_ms, epoch)
