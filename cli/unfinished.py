"""Mends a release that an earlier command left unfinished, before another command does anything."""

from __future__ import annotations

import click

from estafet.errors import ServiceUnavailable
from estafet.runfile import LoadedRunFile


def mend(loaded: LoadedRunFile) -> None:
    """Finish or undo a release that was killed, and say so; one that is going on is left alone.

    Raises:
        DataError: The journal cannot be understood.
    """
    from serving.targets.journal import Journal, locked
    from serving.targets.local import LocalTarget

    target = LocalTarget(loaded.models_dir, loaded.run.name)
    if not Journal(target.release_folder).path.exists():
        return
    from components.deploy.recovery import recover
    from pipelines.workspace import Workspace

    try:
        with locked(target) as journal:
            said = recover(target, journal, Workspace(loaded).tracking_uri(loaded))
    except ServiceUnavailable as error:
        click.echo(f"a release is not finished yet: {error.message}", err=True)
        return
    if said:
        click.echo(said, err=True)
