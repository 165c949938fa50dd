"""The description of a pipeline run on MLflow's page: a table of its steps, each with a link to the run that did it."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.run_state import RunState, StepState


def run_note(state: RunState, mlflow_run_ids: Mapping[str, str | None], experiment_id: str) -> str:
    """Return the description, in Markdown.

    Args:
        state: The run, at its end.
        mlflow_run_ids: For each step the MLflow run in which its result was made; None where there is none.
        experiment_id: MLflow's id of the experiment.
    """
    rows = ["| step | state | result | seconds | made by |", "|---|---|---|---:|---|"]
    for name, step in state.steps.items():
        made_by = step.made_by or (state.run_id if step.record else "")
        run_id = mlflow_run_ids.get(name)
        link = f"[{made_by}](#/experiments/{experiment_id}/runs/{run_id})" if run_id else made_by
        rows.append(f"| {name} | {step.state} | {_cell(_result(step))} | {_seconds(step)} | {link} |")
    return "\n".join(rows)


def _result(step: StepState) -> str:
    error = step.record.error if step.record else None
    return str(error["message"]) if error else step.message


def _seconds(step: StepState) -> str:
    return f"{step.record.wall_s:.1f}" if step.record else ""


def _cell(text: str) -> str:
    """Keep a text in its cell: no line breaks, no bars, no tags."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")[:300]
