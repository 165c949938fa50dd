"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from estafet.runfile import LoadedRunFile, load


def run_file_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add RUN.yaml, --profile and --set to a command, as `run_file`, `profile` and `overrides`."""
    for decorate in (
        click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override, as train.epochs=5."),
        click.option("--profile", metavar="NAME", help="Profile of the run file to apply."),
        click.argument("run_file", metavar="RUN.yaml", type=click.Path()),
    ):
        command = decorate(command)
    return command


def load_run_file(run_file: str, profile: str | None, overrides: tuple[str, ...]) -> LoadedRunFile:
    """Read the run file that the shared options name."""
    return load(run_file, profile=profile, overrides=overrides)
