"""`estafet explain`: which steps would run, and why."""

from __future__ import annotations

import click

from cli.options import load_run_file, run_file_options


@click.command()
@run_file_options
def explain(run_file: str, profile: str | None, overrides: tuple[str, ...]) -> None:
    """Say for each step whether it would run, and why. Nothing is run or changed."""
    loaded = load_run_file(run_file, profile, overrides)
    from rich.console import Console
    from rich.table import Table

    from cli.live_table import HIDDEN
    from pipelines.explain import explain as explain_steps

    verdicts = {True: "[bold]would run[/]", False: "[blue]reused[/]", None: "[dim]skipped[/]"}
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    for step in explain_steps(loaded):
        if step.step not in HIDDEN:
            table.add_row(step.step, verdicts[step.runs], step.reason)
    Console(soft_wrap=True).print(table)
