"""`estafet submit`: the training pipeline on a Kubeflow cluster."""

from __future__ import annotations

import click

from cli.options import load_run_file, run_file_options


@click.command()
@run_file_options
@click.option("--endpoint", metavar="URL", help="Kubeflow Pipelines API; cluster.endpoint where it is not given.")
@click.option("--wait", is_flag=True, help="Wait until the run has ended, and fail if it failed.")
@click.option("--timeout", "timeout_s", default=86_400, show_default=True, help="Seconds to wait, with --wait.")
def submit(
    run_file: str, profile: str | None, overrides: tuple[str, ...], endpoint: str | None, wait: bool, timeout_s: int
) -> None:
    """Submit the training pipeline to a Kubeflow cluster."""
    loaded = load_run_file(run_file, profile, overrides)
    from pipelines.cluster import submit_training, wait_for

    submitted = submit_training(loaded, endpoint)
    click.echo(f"submitted run {submitted.run_id} ({submitted.name})\nwatch it at {submitted.url}")
    if wait:
        click.echo(f"run {submitted.run_id}: {wait_for(submitted, timeout_s)}")
