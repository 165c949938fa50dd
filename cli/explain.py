"""`estafet explain`: which steps would run, and why."""

from __future__ import annotations

import click
from rich.markup import escape

from cli.options import load_run_file, run_file_options

VERDICTS = {True: ("would run", "bold"), False: ("reused", "blue"), None: ("skipped", "dim")}


@click.command()
@run_file_options
def explain(run_file: str, profile: str | None, overrides: tuple[str, ...]) -> None:
    """Say for each step whether it would run, and why. Nothing is run or changed."""
    loaded = load_run_file(run_file, profile, overrides)
    from cli.live_table import HIDDEN, open_console
    from components.tune.looking.estimate import planned
    from pipelines.explain import explain as explain_steps

    console = open_console()
    for step in explain_steps(loaded):
        if step.step not in HIDDEN:
            word, style = VERDICTS[step.runs]
            plan = f" · {planned(loaded.run.tune)}" if step.step == "tune" and step.runs else ""
            console.print(
                f"{step.step:<10} [{style}]{word:<10}[/] {escape(step.reason + plan)}", soft_wrap=True, highlight=False
            )
