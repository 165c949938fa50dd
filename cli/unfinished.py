"""Mends a release that an earlier command left unfinished, before another command does anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from estafet.errors import ServiceUnavailable
from estafet.runfile import LoadedRunFile

if TYPE_CHECKING:
    from serving.targets.protocol import Memory


def _is_unfinished(memory: Memory) -> bool:
    """Whether there is a journal, be it one that nobody understands."""
    from serving.targets.journal import JOURNAL_FILE

    try:
        return memory.read(JOURNAL_FILE) is not None
    except ValueError:
        return True


def mend(loaded: LoadedRunFile) -> None:
    """Finish or undo a release that was killed, and say so; one that is going on is left alone.

    Raises:
        DataError: The journal cannot be understood.
    """
    from serving.targets.journal import locked
    from serving.targets.opening import target_of

    target = target_of(loaded)
    if not target.exists() or not _is_unfinished(target.memory):
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
