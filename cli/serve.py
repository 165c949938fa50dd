"""`estafet serve`: the model server, on the versions that a run file deploys, or by tensorflow_model_server's flags."""

from __future__ import annotations

from pathlib import Path

import click

from cli.options import load_run_file, run_file_options

FLAGS = "flags"


class ServeCommand(click.Command):
    """Takes a run file with options, or the flags of tensorflow_model_server."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        """Leave flags as they are: they are none of click's."""
        from serving.server.flags import are_flags

        if not are_flags(arguments):
            return super().parse_args(context, arguments)
        context.meta[FLAGS] = list(arguments)
        return []

    def invoke(self, context: click.Context) -> None:
        """Serve."""
        if FLAGS not in context.meta:
            return super().invoke(context)
        from serving.server.starting import serve as serve_by_flags

        context.exit(serve_by_flags(context.meta[FLAGS], say=click.echo))


@click.command(cls=ServeCommand)
@run_file_options
@click.option("--port", type=click.IntRange(0, 65535), help="REST port in place of serve.port; 0 takes a free one.")
@click.option("--grpc-port", type=click.IntRange(0, 65535), help="gRPC port; 0 takes a free one. None without it.")
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
    grpc_port: int | None,
    host: str | None,
    models_dir: Path | None,
) -> None:
    """Answer requests to the newest version of the model, and log them.

    It speaks TensorFlow Serving's REST interface (and gRPC with --grpc-port), takes up new versions while it runs, and
    ends with Ctrl-C.

    Without a run file it takes tensorflow_model_server's flags, so that a command line moves between the two:

    \b
        estafet serve --model_name=m --model_base_path=/models/m --port=8500 --rest_api_port=8501
    """
    loaded = load_run_file(run_file, profile, overrides)
    import os

    from serving.server.options import TOKEN_VARIABLE, Options
    from serving.server.running import run

    settings = loaded.run.serve
    options = Options(
        models_dir=models_dir.resolve() if models_dir else loaded.models_dir,
        names=(loaded.run.name,),
        host=host or settings.host,
        port=settings.port if port is None else port,
        grpc_port=grpc_port,
        requests_dir=loaded.workspace / "requests",
        log_sample_rate=settings.log_sample_rate,
        log_flush_s=settings.log_flush_s,
        poll_s=settings.poll_s,
        token=os.environ.get(TOKEN_VARIABLE) or None,
    )
    run(options, say=click.echo, ready=lambda models, url: _greet(models, url, options.requests_dir))


def _greet(models: object, url: str, requests_dir: Path) -> None:
    from serving.server.greeting import greeting

    click.echo("\n".join(greeting(models, url, requests_dir)))
