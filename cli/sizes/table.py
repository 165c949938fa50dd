"""A comparison of batch sizes on a terminal: one line for each training, which fits into 80 columns."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.train.batch_sizes.comparison import Comparison
from components.train.batch_sizes.measured import Measured
from components.train.batch_sizes.sentence import sentence, warning
from estafet.reports import shown


def show(comparison: Comparison, console: Console) -> None:
    """Print the target, the table, why some failed, and what was found."""
    console.print(Text(f"target: {comparison.about_target}", "dim"))
    console.print()
    console.print(table(comparison))
    for row in comparison.rows():
        if row["note"]:
            console.print()
            console.print(Text.assemble((f"{row['batch']}: ", "bold"), str(row["note"])), soft_wrap=False)
    console.print()
    console.print(Text(sentence(comparison), "bold"))
    if said := warning(comparison):
        console.print(Text(said, "yellow"))


def table(comparison: Comparison) -> Table:
    """Draw the trainings, the one that was first at the target in green."""
    drawn = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    drawn.add_column("\nbatch", no_wrap=True)
    heads = ("\nrate", "s an\nepoch", "CPU s\nan epoch", "examples\na second", "best\nvalue", "last\nvalue")
    for head in (*heads, f"{comparison.clock}\nto target", "peak\nMB"):
        drawn.add_column(head, justify="right", no_wrap=True)
    fastest = _least(comparison)
    for one, row in zip(comparison.measured, comparison.rows(), strict=True):
        drawn.add_row(*_cells(one, row, comparison.cost_to_target(one), one is fastest))
    return drawn


def _cells(one: Measured, row: dict[str, object], to_target: float | None, is_fastest: bool) -> list[Text]:
    if not one.is_whole:
        return [Text(one.name, "red"), Text(f"{one.learning_rate:.2g}"), Text("failed", "red")]
    return [
        Text(one.name, "bold green" if is_fastest else ""),
        Text(f"{one.learning_rate:.2g}"),
        Text(seconds(row["epoch_s"])),
        Text(seconds(row["epoch_cpu_s"])),
        Text(f"{row['examples_per_s']:,.0f}"),
        Text(shown(row["best"])),
        Text(shown(row["final"])),
        Text("never" if to_target is None else seconds(to_target), "bold green" if is_fastest else ""),
        Text(f"{row['peak_mb']:,.0f}"),
    ]


def _least(comparison: Comparison) -> Measured | None:
    times = {one.name: comparison.cost_to_target(one) for one in comparison.whole}
    reached = [one for one in comparison.whole if times[one.name] is not None]
    return min(reached, key=lambda one: times[one.name], default=None)


def seconds(value: float) -> str:
    """Return seconds with two digits after the point below ten, and with one up to a thousand."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def line(one: Measured, metric: str) -> str:
    """Return what a training cost and reached, as one line, as soon as it has ended."""
    if not one.is_whole:
        return f"{one.name}: failed: {one.reason}"
    best = one.best(metric) if f"val_{metric}" in one.history[0] else one.history[-1]["val_loss"]
    return f"{one.name}: {seconds(one.epoch_s)} s an epoch · best {metric.replace('_', ' ')} {shown(best)}"
