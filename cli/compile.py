"""`estafet compile`: a pipeline as Kubeflow IR YAML."""

from __future__ import annotations

import click

from cli.options import load_run_file, run_file_options


@click.command("compile")
@run_file_options
@click.option("-o", "--output", default="pipeline.yaml", show_default=True, type=click.Path(dir_okay=False))
@click.option("--pipeline", default="training", show_default=True, type=click.Choice(["training", "monitoring"]))
def compile_command(run_file: str, profile: str | None, overrides: tuple[str, ...], output: str, pipeline: str) -> None:
    """Write a pipeline as Kubeflow IR YAML. Settings and data are parameters of it; `estafet submit` fills them in."""
    loaded = load_run_file(run_file, profile, overrides)
    from pipelines.compile import compile_pipeline

    path = compile_pipeline(loaded.run, output, pipeline=pipeline)
    click.echo(f"wrote {path}; upload it to Kubeflow, or let `estafet submit {run_file} --endpoint URL` do both.")
