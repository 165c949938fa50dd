"""`estafet experiments`: MLflow's page, opened on the right store."""

from __future__ import annotations

import subprocess
import sys

import click

from cli.options import load_run_file, run_file_options
from estafet.errors import ConfigError, ServiceUnavailable


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
    address = f"http://127.0.0.1:{port}"
    click.echo(f"MLflow on {uri}\nopen {address} (Ctrl-C ends it)")
    if open_browser:
        click.launch(address)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri, "--port", str(port)]
    try:
        raise SystemExit(subprocess.call(command))
    except KeyboardInterrupt:
        raise SystemExit(0) from None


def _refuse_taken(port: int) -> None:
    import socket

    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise ServiceUnavailable(f"port {port} is taken by another program.", hint="choose another with --port.")
