"""`estafet releases`: the versions that were released, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from cli.options import load_run_file, run_file_options

if TYPE_CHECKING:
    from components.deploy.listing import Listed
    from serving.targets.history import Released


@click.command()
@run_file_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object for each version.")
def releases(run_file: str, profile: str | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """List the released versions: when, how good, by which MLflow run, which is served, and why others are not.

    A release that was killed is finished or undone first.
    """
    loaded = load_run_file(run_file, profile, overrides)
    from cli.unfinished import mend
    from components.deploy.listing import listed
    from serving.targets.opening import target_of

    mend(loaded)
    found = listed(target_of(loaded))
    if as_json:
        import json

        click.echo(json.dumps([_as_json(each) for each in found], indent=2))
    elif not found:
        click.echo(f"no version of '{loaded.run.name}' was released yet; `estafet run {run_file}` releases one.")
    else:
        _print(found)


def _print(found: Sequence[Listed]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from cli.live_table import open_console

    console = open_console()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("version", "state", "released", "metric", "registry", "MLflow run"):
        table.add_column(name, no_wrap=True)
    for each in found:
        table.add_row(str(each.number), each.state, *_words(each.about))
    console.print(table, highlight=False)
    for each in found:
        why = each.about.rolled_back if each.about is not None else None
        if why is not None:
            said = f"version {each.number} was rolled back on {_local(why.when)} by {why.by}: {why.reason}"
            console.print(escape(said), highlight=False, soft_wrap=True)


def _words(about: Released | None) -> tuple[str, ...]:
    """Return what is known of a version, for each column but the first two."""
    if about is None:
        return ("not made by Estafet",)
    metric = f"{about.headline} {about.value:.4g}" if about.value is not None else ""
    registry = about.registered_version + (" champion" if about.is_champion else "")
    return _local(about.released), metric, registry, about.mlflow_run_id[:8]


def _local(when: datetime) -> str:
    return when.astimezone().strftime("%Y-%m-%d %H:%M")


def _as_json(each: Listed) -> dict[str, object]:
    about = each.about.model_dump(mode="json") if each.about is not None else {}
    return {"number": each.number, "state": each.state, **about}
