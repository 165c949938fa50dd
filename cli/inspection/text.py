"""An inspection on a terminal, or as plain lines where it is read by a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.inspection.sections import Findings, Section
from estafet.reports import shown

STYLES = {"good": "green", "bad": "bold red", "warn": "yellow", "neutral": "", None: ""}
PIPED_WIDTH = 160
LONGEST_CELL = 52
LEAST_WIDTH = 24


def open_console() -> Console:
    """Return a console on standard output; what is piped is given room enough for its tables."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPED_WIDTH)


def show(findings: Findings, console: Console) -> None:
    """Print an inspection."""
    console.print(Text(findings.title, "bold"))
    console.print(Text(findings.subtitle, "dim"))
    console.print(Text(findings.verdict, STYLES[findings.tone]))
    for section in findings.sections:
        if section.text or section.rows:
            _show(section, console)


def _show(section: Section, console: Console) -> None:
    console.print()
    console.print(
        Text.assemble((section.title, "bold"), "  " if section.text else "", (section.text, STYLES[section.tone]))
    )
    rows = section.rows[: section.limit]
    if not rows:
        return
    columns = list(rows[0])
    kept = _that_fit(columns, rows, console.width)
    console.print(_table(kept, rows))
    left = []
    if len(kept) < len(columns):
        left.append(f"{len(columns) - len(kept)} more columns: {', '.join(columns[len(kept) :])}")
    if len(section.rows) > len(rows):
        left.append(f"{len(section.rows) - len(rows):,} more rows are on the page")
    for line in left:
        console.print(Text(f"  … {line}", "dim"))


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in columns:
        numeric = any(_is_number(row.get(name)) for row in rows) and all(
            _is_number(row.get(name)) or row.get(name) in (None, "") for row in rows
        )
        # The last column may take several lines: it is the one with the most words.
        style = {"overflow": "fold"} if name == columns[-1] else {"overflow": "ellipsis", "no_wrap": True}
        if name != columns[-1]:
            style["max_width"] = LONGEST_CELL
        table.add_column(
            Text(f"  {name}" if name == columns[0] else name), justify="right" if numeric else "left", **style
        )
    for row in rows:
        cells = [shown(row.get(name)) for name in columns]
        table.add_row(*(Text(f"  {cell}" if i == 0 else cell) for i, cell in enumerate(cells)))
    return table


def _that_fit(columns: list[str], rows: Sequence[Mapping[str, object]], width: int) -> list[str]:
    """Return the first columns that have room beside each other, so that none is squeezed to nothing."""
    used, kept = 2, 0
    for name in columns:
        longest = LONGEST_CELL if name != columns[-1] else LEAST_WIDTH
        used += min(longest, max(len(name), *(len(shown(row.get(name))) for row in rows))) + 2
        if kept and used > max(width, LEAST_WIDTH) + 2:
            break
        kept += 1
    return columns[:kept]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
