"""Shows a running pipeline: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from estafet.telemetry import StepRecord
from pipelines.run_state import RunState, StepState

HIDDEN = ("report_end",)
MARKS = {
    "waiting": ("·", "dim"),
    "running": ("▶", "bold cyan"),
    "reused": ("↺", "blue"),
    "done": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "skipped": ("–", "dim"),
}
REFRESH_S = 0.25
BAR_WIDTH, MIN_BAR_WIDTH = 12, 4
COLUMNS_WIDTH, PERCENT_WIDTH = 36, 7
"""What the columns before the last one take, and what stands between a bar and the words."""
WORDS_WIDTH = 40
"""Number of characters of what a step says that shall be seen before its bar gets any room."""


def open_console() -> Console:
    """Return a console on what is standard output now, whatever it is redirected to while a pipeline runs."""
    return Console(file=sys.stdout)


@contextlib.contextmanager
def shown(state: RunState, console: Console) -> Iterator[None]:
    """Show a run's steps while the block runs.

    Args:
        state: The run's state, read anew several times a second.
        console: Where to; a live table when it is a terminal, a line for each change when it is not.
    """
    stop = threading.Event()
    show = _live if console.is_terminal else _lines
    thread = threading.Thread(target=show, args=(state, console, stop), name="live-table", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _live(state: RunState, console: Console, stop: threading.Event) -> None:
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        while not stop.wait(REFRESH_S):
            state.refresh()
            live.update(steps_table(state, console.width), refresh=True)
        live.update(steps_table(state, console.width), refresh=True)


def _lines(state: RunState, console: Console, stop: threading.Event) -> None:
    said: dict[str, tuple[str, str]] = {}
    finished = False
    while not finished:
        finished = stop.wait(REFRESH_S)
        if not finished:
            state.refresh()
        for step in visible(state):
            now = step.state, _progress_key(step)
            begun = step.state != "waiting" and (step.state != "running" or step.message)
            if begun and said.get(step.step) != now:
                said[step.step] = now
                console.print(_line(step), markup=False, highlight=False, soft_wrap=True)


def _progress_key(step: StepState) -> str:
    """Return what makes a new line worth printing: another message, or another tenth of the way."""
    record = step.record
    if step.state == "running" and record and record.total:
        return f"{record.message.split()[0] if record.message else ''} {int(10 * (record.done or 0) / record.total)}"
    return step.message


def _line(step: StepState) -> str:
    took = duration(step.elapsed_s) if step.elapsed_s else ""
    return f"{step.step:<13} {step.state:<8} {took:>8}  {_text(step)}".rstrip()


def visible(state: RunState) -> list[StepState]:
    """Return the steps that a person wants to see."""
    return [step for step in state.steps.values() if step.step not in HIDDEN or step.state == "failed"]


def steps_table(state: RunState, width: int = 100) -> Table:
    """Draw the steps of a run: a mark, the name, the state, the seconds, and what it says.

    Args:
        state: The run.
        width: Number of characters that the table has room for.
    """
    table = Table(box=None, padding=(0, 1), show_header=False, pad_edge=False, expand=True)
    for justify in ("left", "left", "left", "right"):
        table.add_column(justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
    for step in visible(state):
        mark, style = MARKS[step.state]
        took = duration(step.elapsed_s) if step.elapsed_s else ""
        said = Text(_text(step, width - COLUMNS_WIDTH))
        table.add_row(Text(mark, style), Text(step.step, style), Text(step.state, style), took, said)
    return table


def _text(step: StepState, room: int = 1000) -> str:
    """Return what a step says; where there is room for few characters, its bar leaves it to the words."""
    if step.state == "reused":
        return step.message or f"from run {step.made_by}"
    record = step.record
    if step.state == "failed" and record and record.error:
        return str(record.error["message"]).splitlines()[0]
    if step.state == "running" and record and record.total:
        share = (record.done or 0) / record.total
        message, left = _split_time_left(record.message)
        said = " · ".join(part for part in (left or _time_left(step, record), message) if part)
        width = min(BAR_WIDTH, room - PERCENT_WIDTH - min(len(said), WORDS_WIDTH))
        bar = f"{_bar(share, width)} " if width >= MIN_BAR_WIDTH else ""
        return f"{bar}{share:4.0%}  {said}"
    return step.message


def _split_time_left(message: str) -> tuple[str, str]:
    """Return what a step says, and how long it thinks that it will take, which comes first: room may be scarce."""
    head, _, last = message.rpartition(" · ")
    return (head, last) if last.endswith(" left") else (message, "")


def _bar(share: float, width: int) -> str:
    filled = round(min(max(share, 0), 1) * width)
    return "━" * filled + "─" * (width - filled)


def _time_left(step: StepState, record: StepRecord) -> str:
    began, done = record.counted_from or (step.started, 0)
    elapsed_s, share = time.time() - began, ((record.done or 0) - done) / record.total
    if share < 0.05 or elapsed_s < 2 or record.done >= record.total:
        return ""
    left_s = elapsed_s * (record.total - record.done) / (record.done - done)
    return f"{left_s:.0f} s left" if left_s < 90 else f"{left_s / 60:.0f} min left"


def duration(seconds: float) -> str:
    """Return a time as people read it, such as `8.3 s` or `12 min 05 s`."""
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    return f"{minutes} min {rest_s:02d} s"
