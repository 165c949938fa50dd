"""`estafet monitor`: one pass of the monitoring pipeline, and what belongs to it."""

from __future__ import annotations

import click

from cli.options import load_run_file, run_file_options
from cli.watching.schedule import backtest, tune_policy, watch
from cli.watching.standing import history, status


@click.group()
def monitor() -> None:
    """Compare the served requests with the training data; retrain on drift."""


@monitor.command()
@run_file_options
def check(run_file: str, profile: str | None, overrides: tuple[str, ...]) -> None:
    """Judge the requests since the last check: a report, an alert, and a training run where the policy says so."""
    loaded = load_run_file(run_file, profile, overrides)
    from cli.relay import run_in_sight
    from pipelines.local import run_monitoring

    run_in_sight(loaded, "monitoring", run_monitoring)


for command in (status, watch, history, backtest, tune_policy):
    monitor.add_command(command)
