"""`estafet serve`: the model server, on the versions that a run file deploys."""

from __future__ import annotations

from pathlib import Path

import click

from cli.options import load_run_file, run_file_options


@click.command()
@run_file_options
@click.option("--port", type=click.IntRange(0, 65535), help="REST port in place of serve.port; 0 takes a free one.")
@click.option("--host", help="Address to listen on in place of serve.host.")
@click.option(
    "--models-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with one sub-folder for each model, in place of deploy.models_dir.",
)
def serve(
    run_file: str,
    profile: str | None,
    overrides: tuple[str, ...],
    port: int | None,
    host: str | None,
    models_dir: Path | None,
) -> None:
    """Answer requests to the newest version of the model, and log them.

    It speaks TensorFlow Serving's REST interface, takes up new versions while it runs, and ends with Ctrl-C.
    """
    loaded = load_run_file(run_file, profile, overrides)
    from serving.server.running import Options, run

    settings = loaded.run.serve
    options = Options(
        models_dir=models_dir.resolve() if models_dir else loaded.models_dir,
        names=(loaded.run.name,),
        host=host or settings.host,
        port=settings.port if port is None else port,
        requests_dir=loaded.workspace / "requests",
        log_sample_rate=settings.log_sample_rate,
        log_flush_s=settings.log_flush_s,
        poll_s=settings.poll_s,
    )
    run(options, say=click.echo, ready=lambda models, url: _greet(models, url, options.requests_dir))


def _greet(models: object, url: str, requests_dir: Path) -> None:
    from serving.server.greeting import greeting

    click.echo("\n".join(greeting(models, url, requests_dir)))
