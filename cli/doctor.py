"""`estafet doctor`: what this machine has and lacks, and the command that mends it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cli.checks.check import Check

COLOURS = {"ok": "green", "warn": "yellow", "missing": "red"}


@click.command()
@click.argument("run_file", metavar="[RUN.yaml]", required=False, type=click.Path())
@click.option("--profile", metavar="NAME", help="Profile of the run file to apply.")
@click.option("--deep", is_flag=True, help="Also import TensorFlow and open the MLflow store, which takes seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(run_file: str | None, profile: str | None, deep: bool, as_json: bool) -> None:
    """Say what this machine has and lacks, each with the command that mends it.

    With RUN.yaml, the workspace, MLflow store, Kubeflow end point and port are those that it names. Ends with status 1
    where something is missing that `estafet run` needs.
    """
    checks = _examine(run_file, profile, deep)
    is_fit = all(check.state != "missing" for check in checks)
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(
            json.dumps({"ok": is_fit, "checks": [asdict(check) for check in checks]}, ensure_ascii=False, indent=2)
        )
    else:
        _print(checks)
    if not is_fit:
        raise SystemExit(1)


def _examine(run_file: str | None, profile: str | None, deep: bool) -> list[Check]:
    """Make every check, all at once, since some wait for an answer; return them in the order of the table."""
    from concurrent.futures import ThreadPoolExecutor

    from cli.checks import machine, packages, services
    from estafet.runfile.release import Serve
    from pipelines.workspace import Workspace

    loaded = _loaded(run_file, profile)
    workspace = loaded.workspace if loaded else Path(".estafet").resolve()
    elsewhere = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{workspace / 'mlflow.db'}"
    uri = Workspace(loaded).tracking_uri(loaded) if loaded else elsewhere
    serve = loaded.run.serve if loaded else Serve()
    checks: list[Callable[[], Check | list[Check]]] = [
        machine.python,
        machine.cores,
        machine.memory,
        lambda: machine.disk(workspace),
        machine.gpus,
        packages.packages,
        packages.byte_code,
        lambda: machine.workspace_writable(workspace),
        lambda: services.mlflow_store(uri, workspace),
        lambda: services.serve_port(serve.host, serve.port),
        services.docker,
        lambda: services.kubeflow(loaded.run.cluster.endpoint if loaded else None),
    ]
    if deep:
        checks += [packages.tensorflow, lambda: services.mlflow_contents(uri)]
    with ThreadPoolExecutor(len(checks)) as pool:
        found = [future.result() for future in [pool.submit(check) for check in checks]]
    return [check for each in found for check in (each if isinstance(each, list) else [each])]


def _loaded(run_file: str | None, profile: str | None):
    if run_file is None:
        return None
    from estafet.runfile import load

    return load(run_file, profile=profile)


def _print(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in ("check", "", "found"):
        table.add_column(title, overflow="fold")
    for check in checks:
        table.add_row(check.name, Text(check.state, style=COLOURS[check.state]), Text(check.found))
        if check.mend:
            table.add_row("", "", Text(f"→ {check.mend}", style="bold"))
    console = Console()
    console.print(table)
    num_missing = sum(check.state == "missing" for check in checks)
    num_warnings = sum(check.state == "warn" for check in checks)
    console.print(f"\n{len(checks)} checks: {num_missing} missing, {num_warnings} to look at")
