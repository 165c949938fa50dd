"""`estafet run`: the training pipeline on this machine."""

from __future__ import annotations

import click

from cli.options import load_run_file, run_file_options


@click.command()
@run_file_options
def run(run_file: str, profile: str | None, overrides: tuple[str, ...]) -> None:
    """Run the training pipeline on this machine: ingest, tune, train, evaluate, export, deploy.

    Steps whose code, data and settings are unchanged are reused; a run that was killed continues where it stopped.
    """
    loaded = load_run_file(run_file, profile, overrides)
    from cli.relay import run_in_sight
    from cli.unfinished import mend
    from pipelines.local import run_training

    mend(loaded)
    run_in_sight(loaded, loaded.run.task, run_training)
