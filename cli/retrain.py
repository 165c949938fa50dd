"""`estafet retrain`: what a person decides about the retraining that an incident asks for."""

from __future__ import annotations

import getpass
import time

import click

from cli.options import load_run_file, run_file_options
from cli.watching.standing import state_of
from cli.watching.times import local
from estafet.errors import ConfigError


@click.group()
def retrain() -> None:
    """Decide about the retraining that drift asks for (monitor.policy.retrain: approve)."""


@retrain.command()
@run_file_options
@click.argument("incident")
@click.option("--by", metavar="NAME", help="Who decides; the user of this machine where it is not given.")
def approve(run_file: str, profile: str | None, overrides: tuple[str, ...], incident: str, by: str | None) -> None:
    """Let INCIDENT's retraining start with the next `estafet monitor check`, if no brake holds it then."""
    _decide(run_file, profile, overrides, incident, "approved", by)
    click.echo(f"approved; `estafet monitor check {run_file}` starts it.")


@retrain.command()
@run_file_options
@click.argument("incident")
@click.option("--by", metavar="NAME", help="Who decides; the user of this machine where it is not given.")
def reject(run_file: str, profile: str | None, overrides: tuple[str, ...], incident: str, by: str | None) -> None:
    """Leave INCIDENT without a retraining; it stays open until its windows are clean."""
    _decide(run_file, profile, overrides, incident, "rejected", by)
    click.echo("rejected; no retraining starts for this incident.")


@retrain.command("list")
@run_file_options
def list_command(run_file: str, profile: str | None, overrides: tuple[str, ...]) -> None:
    """List the retrainings: when, on how much, and what came of them."""
    loaded = load_run_file(run_file, profile, overrides)
    state = state_of(loaded)
    found = state.retrainings(loaded.run.name) if state is not None else []
    if not found:
        click.echo(f"no retraining of '{loaded.run.name}' was started yet.")
    for run in found:
        ended = f" until {local(run.ended_s)}" if run.ended_s else ""
        tries = f", {len(run.starts_s)} starts" if len(run.starts_s) > 1 else ""
        click.echo(f"{run.key}  {local(run.starts_s[-1])}{ended}  after version {run.version_before}: "
                   f"{run.outcome or 'not ended'}{tries}")  # fmt: skip


def _decide(
    run_file: str, profile: str | None, overrides: tuple[str, ...], incident: str, decision: str, by: str | None
) -> None:
    loaded = load_run_file(run_file, profile, overrides)
    state = state_of(loaded)
    is_open = state.open_incident(loaded.run.name) if state is not None else None
    if is_open is None or is_open.id != incident:
        said = f"incident {is_open.id} is open" if is_open else "no incident is open"
        raise ConfigError(
            f"there is no open incident '{incident}' of '{loaded.run.name}': {said}.",
            hint=f"see `estafet monitor status {run_file}`.",
        )
    state.decide(loaded.run.name, incident, decision, by or getpass.getuser(), time.time())
