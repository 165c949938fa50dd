"""`estafet monitor watch`, `backtest` and `tune-policy`: checks on a schedule, from now on or in the past."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.options import load_run_file, run_file_options
from cli.watching.standing import state_of
from cli.watching.times import local, pause_of, time_of
from estafet.runfile import LoadedRunFile

if TYPE_CHECKING:
    from monitoring.replay.backtest import Replayed


@click.command()
@run_file_options
@click.option("--every", default="15m", show_default=True, metavar="TIME", help="Pause between two checks.")
@click.option("--metrics-file", metavar="FILE", type=click.Path(), help="Write metrics there, for Prometheus.")
@click.option("--checks", type=click.IntRange(min=1), help="End after so many checks.")
def watch(
    run_file: str,
    profile: str | None,
    overrides: tuple[str, ...],
    every: str,
    metrics_file: str | None,
    checks: int | None,
) -> None:
    """Check again and again until SIGTERM; what it knows is on disk, so it may be killed and started at any time."""
    loaded = load_run_file(run_file, profile, overrides)
    from monitoring.replay.watching import Watch

    chosen = ["--profile", profile] if profile else []
    settings = [part for override in overrides for part in ("--set", override)]
    command = [sys.executable, "-m", "cli.main", "monitor", "check", run_file, *chosen, *settings]
    Watch(
        command,
        pause_of(every).total_seconds(),
        lambda line: click.echo(f"{local(time.time())}  {line}", err=True),
        lambda: _write_metrics(loaded, metrics_file),
    ).run(checks)


@click.command()
@run_file_options
@click.option("--since", required=True, metavar="TIME", help="When the replay begins: a date, or 7d, 48h ago.")
@click.option("--until", metavar="TIME", help="When it ends; now where it is not given.")
@click.option("--every", default="6h", show_default=True, metavar="TIME", help="Pause between two checks.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object for each window.")
def backtest(
    run_file: str,
    profile: str | None,
    overrides: tuple[str, ...],
    since: str,
    until: str | None,
    every: str,
    as_json: bool,
) -> None:
    """Judge the log of the past again: which incidents and retrainings this policy would have brought.

    Try another policy with --set, as --set monitor.policy.votes=1.
    """
    loaded = load_run_file(run_file, profile, overrides)
    found = _replayed(loaded, since, until, every)
    if as_json:
        for each in found:
            click.echo(json.dumps({**vars(each), "at": each.at.isoformat()}))
        return
    _print_replay(found)


@click.command("tune-policy")
@run_file_options
@click.option("--since", required=True, metavar="TIME", help="When the stable time begins: a date, or 7d, 48h ago.")
@click.option("--until", metavar="TIME", help="When it ends; now where it is not given.")
@click.option("--every", default="6h", show_default=True, metavar="TIME", help="Pause between two checks.")
@click.option(
    "--rate", default=0.005, show_default=True, type=click.FloatRange(0, 1), help="Wanted share of false alarms."
)
def tune_policy(
    run_file: str,
    profile: str | None,
    overrides: tuple[str, ...],
    since: str,
    until: str | None,
    every: str,
    rate: float,
) -> None:
    """Propose monitor.detect.min_effect, from a time in which nothing drifted."""
    loaded = load_run_file(run_file, profile, overrides)
    from monitoring.replay.tuning import propose

    found = propose(_replayed(loaded, since, until, every), rate)
    click.echo(f"{found.num_alarms} of {found.num_windows} stable windows have findings by the present policy")
    click.echo(f"monitor.detect.min_effect: {found.min_effect:g} leaves {found.num_left}")
    click.echo(f"it is {loaded.run.monitor.detect.min_effect:g} now; try it: `estafet monitor backtest {run_file} "
               f"--since {since} --set monitor.detect.min_effect={found.min_effect:g}`")  # fmt: skip


def _replayed(loaded: LoadedRunFile, since: str, until: str | None, every: str) -> list[Replayed]:
    from estafet.runfile.steps import DriftSettings, settings_for
    from estafet.versions import find_versions
    from monitoring.replay.backtest import backtest as replay
    from monitoring.retraining.labels import read_labels

    now = datetime.now(UTC)
    settings = DriftSettings.model_validate(settings_for("detect_drift", loaded.run))
    labels = loaded.absolute(settings.labels) if settings.labels else None
    folder = loaded.models_dir / loaded.run.name
    return replay(
        settings,
        find_versions(folder) if folder.is_dir() else {},
        loaded.workspace / "requests",
        read_labels(labels) if labels and Path(labels).exists() else {},
        since=time_of(since, now),
        until=time_of(until, now) if until else now,
        every=pause_of(every),
    )


def _write_metrics(loaded: LoadedRunFile, path: str | None) -> None:
    from estafet.files import replacing
    from monitoring.incidents.exposition import metrics

    state = state_of(loaded) if path is not None else None
    if state is not None:
        with replacing(path) as file:
            file.write(metrics(state, loaded.run.name))


def _print_replay(found: Sequence[Replayed]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from cli.live_table import open_console

    console = open_console()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("check", "version", "requests", "verdict", "effect", "what follows"):
        table.add_column(name, no_wrap=name != "what follows")
    for each in found:
        follows = [
            word
            for word, is_so in (("incident", each.opened), ("closed", each.closed), ("retrains", each.retrains))
            if is_so
        ]
        told = ", ".join(follows) or each.withheld
        cells = local(each.at.timestamp()), str(each.version), f"{each.num_rows:,}", each.status
        table.add_row(*cells, f"{each.max_effect:.2f}", escape(": ".join(part for part in (told, each.why) if part)))
    console.print(table, highlight=False)
    drifting = sum(each.status != "ok" for each in found)
    console.print(
        f"{len(found)} windows, {drifting} with findings, {sum(each.opened for each in found)} incidents, "
        f"{sum(each.retrains for each in found)} retrainings",
        highlight=False,
    )
