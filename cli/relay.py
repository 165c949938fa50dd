"""Runs a pipeline in front of a person: its title, the live table, the summary, and the error that ends it."""

from __future__ import annotations

from collections.abc import Callable

from cli.live_table import open_console, shown
from cli.summary import print_summary, raise_error
from estafet.runfile import LoadedRunFile
from pipelines.local import RunResult, Watch


def run_in_sight(loaded: LoadedRunFile, what: str, run: Callable[[LoadedRunFile, Watch], RunResult]) -> None:
    """Run a pipeline on this machine and show it.

    Args:
        loaded: The run file.
        what: What is done with it, in a word or two.
        run: `run_training` or `run_monitoring`.

    Raises:
        EstafetError: What ended the run, or the gate's refusal.
    """
    console = open_console()
    console.print(f"[bold]{loaded.run.name}[/] · {what} · {loaded.path}", soft_wrap=True)
    result = run(loaded, lambda state: shown(state, console))
    print_summary(result, loaded, console)
    raise_error(result)
