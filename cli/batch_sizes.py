"""`estafet batch-sizes`: the same training with several batch sizes, and what each costs and reaches."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import click

from cli.options import load_run_file, run_file_options

RULES = click.Choice(["none", "sqrt", "linear"])
SHARE = click.FloatRange(0, 1, min_open=True)
PATH = click.Path(path_type=Path)


@click.command("batch-sizes")
@run_file_options
@click.option("--sizes", metavar="N,N,…", help="Batch sizes to compare; 32,64,128,256,512 as far as the data go.")
@click.option("--auto", "with_auto", is_flag=True, help="Compare `batch: auto` too.")
@click.option("--epochs", metavar="N", type=click.IntRange(1), help="Epochs, if not those of the run file.")
@click.option("--learning-rate-rule", "rule", type=RULES, default="none", help="How the rate follows a fixed size.")
@click.option("--share", metavar="SHARE", type=SHARE, default=1.0, help="Share of the training split to learn from.")
@click.option("--target", metavar="[METRIC=]VALUE", help="Validation value to take the time to, as accuracy=0.95.")
@click.option("--out", metavar="DIR", type=PATH, help="Where table, picture and page go.")
def batch_sizes(run_file: str, profile: str | None, overrides: tuple[str, ...], **options: Any) -> None:
    """Train with several batch sizes, and with the run file's schedule, and say what each costs and reaches.

    All learn from the newest data set of the run file's runs, with its model, learning rate and seed, one after the
    other, each in a process of its own. Without a target, time is taken to the worst of their best values, which
    each of them has reached.

    \b
    estafet batch-sizes run.yaml                            sizes 32 to 512 and the schedule
    estafet batch-sizes run.yaml --sizes 64,256 --share .2  quicker, on a fifth of the data
    estafet batch-sizes run.yaml --learning-rate-rule sqrt  a larger rate for a larger batch
    """
    loaded = load_run_file(run_file, profile, overrides)
    from cli.inspection.progress import ProgressLine
    from cli.live_table import open_console
    from cli.sizes import comparing, table
    from cli.summary import short_path
    from components.train.batch_sizes import report

    def in_epochs(message: str, done: float | None = None, total: float | None = None) -> None:
        progress(message, done, total, unit="epochs")

    with ProgressLine() as progress:
        prepared = comparing.prepare(loaded, comparing.Options(**options), progress)
        _say(f"{loaded.run.name} · {prepared.about.in_short}")
        found = comparing.compare(prepared, in_epochs, _say)
    files = report.save(found, prepared.about, prepared.folder)
    table.show(found, open_console())
    click.echo()
    for path in files:
        click.echo(short_path(path))
    comparing.track(prepared, found, files)
    comparing.fail_if_nothing_ended(found)


def _say(text: str) -> None:
    """Print a line in place of the line of progress, which may be there."""
    width = shutil.get_terminal_size().columns - 1 if sys.stderr.isatty() else 0
    click.echo(f"\r{text:<{width}}" if width else text)
