"""`estafet experiments`: MLflow's page, opened on the right store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import click

from cli.options import load_run_file, run_file_options
from estafet.errors import ConfigError, ServiceUnavailable

QUIET = {
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "PYTHONWARNINGS": "ignore",
}
START_TIMEOUT_S = 120
POLL_S = 0.2


@click.command()
@run_file_options
@click.option("--port", default=5000, show_default=True, help="Port of the page.")
@click.option("--open/--no-open", "open_browser", default=True, help="Whether to open a browser.")
def experiments(run_file: str, profile: str | None, overrides: tuple[str, ...], port: int, open_browser: bool) -> None:
    """Open MLflow's page on the store that this run file's runs are in."""
    loaded = load_run_file(run_file, profile, overrides)
    from pipelines.workspace import Workspace

    workspace = Workspace(loaded)
    uri = workspace.tracking_uri(loaded)
    if uri.startswith(("http://", "https://")):
        click.echo(f"the runs are on the MLflow server at {uri}")
        if open_browser:
            click.launch(uri)
        return
    if uri == workspace.mlflow_uri and not (workspace.root / "mlflow.db").is_file():
        raise ConfigError(
            f"there are no runs yet in '{workspace.root}'.", hint=f"make one with `estafet run {run_file}`."
        )
    _refuse_taken(port)
    click.echo(f"starting MLflow on {uri}")
    _end_on_sigterm()
    server = subprocess.Popen(_command(uri, port), env={**QUIET, **os.environ})
    try:
        _wait_until_it_answers(server, port)
        address = _page_of(loaded.run.tracking.experiment or loaded.run.name, f"http://127.0.0.1:{port}")
        click.echo(f"open {address} (Ctrl-C ends it)")
        if open_browser:
            click.launch(address)
        status = server.wait()
    except KeyboardInterrupt:
        status = 0
    finally:
        server.terminate()
        server.wait()
    raise SystemExit(status)


def _end_on_sigterm() -> None:
    """End on a `kill` as on Ctrl-C, so that MLflow's server ends too."""

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def _command(uri: str, port: int) -> list[str]:
    """Return the command of MLflow's server: one process is enough for one person, and starts four times sooner."""
    quiet = ["--workers", "1", "--uvicorn-opts", "--log-level warning"]
    store = ["--backend-store-uri", uri, "--registry-store-uri", uri]
    return [sys.executable, "-m", "mlflow", "server", *store, "--port", str(port), *quiet]


def _wait_until_it_answers(server: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while server.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except OSError:
            time.sleep(POLL_S)
    raise ServiceUnavailable(
        f"MLflow's page did not start on port {port}.",
        hint="its own words stand above; `estafet doctor` checks the store.",
    )


def _page_of(experiment: str, address: str) -> str:
    """Return the address of an experiment's runs; MLflow's own front page where it has none yet."""
    named = urllib.parse.urlencode({"experiment_name": experiment})
    try:
        with urllib.request.urlopen(f"{address}/api/2.0/mlflow/experiments/get-by-name?{named}", timeout=30) as answer:
            return f"{address}/#/experiments/{json.load(answer)['experiment']['experiment_id']}/runs"
    except (OSError, ValueError, KeyError):
        return address


def _refuse_taken(port: int) -> None:
    import socket

    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise ServiceUnavailable(f"port {port} is taken by another program.", hint="choose another with --port.")
