"""`estafet monitor status` and `history`: how the model stands, and what was decided until now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.options import load_run_file, run_file_options
from cli.watching.times import local
from estafet.runfile import LoadedRunFile

if TYPE_CHECKING:
    from monitoring.incidents.standing import Standing
    from monitoring.incidents.state import MonitorState


@click.command()
@run_file_options
@click.option("--prometheus", is_flag=True, help="Print metrics in Prometheus' text format.")
def status(run_file: str, profile: str | None, overrides: tuple[str, ...], prometheus: bool) -> None:
    """Say how the model stands: its incident, the newest windows, alerts that wait, and what holds a retraining."""
    loaded = load_run_file(run_file, profile, overrides)
    from monitoring.incidents.standing import standing

    state = state_of(loaded)
    if state is None:
        told = f"no check of '{loaded.run.name}' was made yet; `estafet monitor check {run_file}` makes one."
        click.echo(told, err=prometheus)
        return
    if prometheus:
        from monitoring.incidents.exposition import metrics

        click.echo(metrics(state, loaded.run.name), nl=False)
        return
    _print_standing(standing(state, loaded.run.name), run_file)


@click.command()
@run_file_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object for each decision.")
def history(run_file: str, profile: str | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """List every decision with its evidence, oldest first, and check that nobody changed one since."""
    loaded = load_run_file(run_file, profile, overrides)
    from monitoring.incidents import standing

    state = state_of(loaded)
    entries = standing.history(state, loaded.run.name) if state is not None else []
    if as_json:
        for entry in entries:
            click.echo(standing.as_json(entry))
    elif not entries:
        click.echo(f"nothing was decided about '{loaded.run.name}' yet; `estafet monitor check {run_file}` begins it.")
    else:
        from cli.live_table import open_console

        console = open_console()
        for entry in entries:
            line = f"{local(entry.at_s)}  {entry.actor}  {entry.event}  {standing.in_words(entry)}"
            console.print(line, highlight=False, soft_wrap=True, markup=False)


def state_of(loaded: LoadedRunFile) -> MonitorState | None:
    """Return the monitor's memory of a run file's model, or None where no check was made yet."""
    from monitoring.incidents.state import STATE_FILE, MonitorState

    folder = loaded.workspace / "monitor" / loaded.run.name
    return MonitorState(folder) if (folder / STATE_FILE).is_file() else None


def _print_standing(found: Standing, run_file: str) -> None:
    from rich.table import Table

    from cli.live_table import open_console

    console = open_console()

    def say(line: str) -> None:
        console.print(line, highlight=False, soft_wrap=True, markup=False)

    if found.incident is None:
        say("no incident is open")
    else:
        incident = found.incident
        say(f"incident {incident.id}, open since {local(found.opened_s)}: {incident.why}")
        if found.decision is not None:
            say(f"{found.decision[1]} has {found.decision[0]} its retraining")
        elif found.withheld is not None:
            say(f"no retraining starts: {found.withheld.replace('RUN.yaml', run_file)}")
    if found.last_retraining is not None:
        run = found.last_retraining
        say(f"last retraining: {run.outcome or 'not ended'}, started {local(run.starts_s[-1])}")
    for receiver, (count, problem) in found.waiting.items():
        say(f"{count} alerts wait for {receiver}" + (f": {problem}" if problem else ""))
    if found.windows:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        for name in ("version", "until", "requests", "verdict", "effect"):
            table.add_column(name, no_wrap=True)
        for version, window in found.windows:
            cells = str(version), local(window.last_us / 1e6), f"{window.num_rows:,}", window.status
            table.add_row(*cells, f"{window.max_effect:.2f}")
        console.print(table, highlight=False)
