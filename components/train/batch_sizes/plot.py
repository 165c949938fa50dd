"""Draws a comparison of batch sizes: the metric over time, and time, metric and memory by size.

Time is CPU time where the machine was busy, since seconds would show what else ran.
"""

from __future__ import annotations

import io
from pathlib import Path

from components.train.batch_sizes.comparison import Comparison
from components.train.batch_sizes.measured import Measured, better
from estafet.files import replacing
from estafet.reports import shown

COLOURS = ("#4c78a8", "#e4572e", "#54a24b", "#b279a2", "#eeca3b", "#72b7b2", "#9d755d", "#f58518")
SCHEDULE_COLOUR, AUTO_COLOUR, QUIET_COLOUR = "#1c2430", "#c2185b", "#8a8f98"
LOG_FROM = 5.0
"""Ratio of the largest to the smallest value from which on an axis is logarithmic."""


def plot(comparison: Comparison, title: str, path: str | Path) -> None:
    """Write a comparison as a PNG file; trainings that failed are left out.

    Args:
        comparison: At least one of its trainings came to its end.
        title: What was trained.
        path: The file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), dpi=110, layout="constrained")
    grid = figure.add_gridspec(2, 3, height_ratios=(1.25, 1))
    _curves(figure.add_subplot(grid[0, :]), comparison)
    found, metric = comparison.whole, comparison.metric
    times = {"wall": [one.epoch_s for one in found], "CPU": [one.epoch_cpu_s for one in found]}
    _by_size(figure.add_subplot(grid[1, 0]), found, times, "Seconds an epoch")
    best = {"": [one.best(metric) for one in found]}
    _by_size(figure.add_subplot(grid[1, 1]), found, best, f"Best validation {comparison.words}", from_zero=False)
    _by_size(figure.add_subplot(grid[1, 2]), found, {"": [one.peak_mb for one in found]}, "Peak memory, MB")
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    with replacing(path, "wb") as file:
        file.write(drawn.getvalue())


def _curves(panel, comparison: Comparison) -> None:
    values = [value for one in comparison.whole for value in one.values(comparison.metric)]
    by_cpu = comparison.goes_by_cpu
    for number, one in enumerate(comparison.whole):
        colour, width, style = _look(one, number)
        clock_s = comparison.clock_s(one, by_cpu=by_cpu)
        marker = "o" if len(clock_s) <= 30 else None
        panel.plot(
            clock_s,
            one.values(comparison.metric),
            label=one.name,
            color=colour,
            linewidth=width,
            linestyle=style,
            marker=marker,
            markersize=3,
        )
    panel.axhline(comparison.target, color=QUIET_COLOUR, linewidth=1, linestyle=":")
    panel.annotate(
        f"target {shown(comparison.target)}",
        (0.005, comparison.target),
        xycoords=("axes fraction", "data"),
        va="bottom" if better(comparison.metric) is min else "top",
        color=QUIET_COLOUR,
        fontsize=9,
    )
    if min(values) > 0 and max(values) > LOG_FROM * min(values):
        panel.set_yscale("log")
        _plain_numbers(panel.yaxis)
    panel.set_xlim(left=0)
    panel.set_xlabel(f"{'CPU ' * by_cpu}seconds of training and validation")
    panel.legend(frameon=False, title="batch", ncols=2)
    _tidy(panel, f"Validation {comparison.words} over {'CPU ' * by_cpu}time")


def _look(one: Measured, number: int) -> tuple[str, float, str]:
    """Return a training's colour, line width and style; those whose batch changes stand out."""
    if one.kind == "fixed":
        return COLOURS[number % len(COLOURS)], 1.6, "-"
    return (SCHEDULE_COLOUR if one.kind == "schedule" else AUTO_COLOUR), 2.4, "--"


def _by_size(panel, found: list[Measured], values: dict[str, list[float]], title: str, *, from_zero=True) -> None:
    """Draw one or two numbers of each training, the fixed sizes joined by a line."""
    places, num_fixed = range(len(found)), sum(one.kind == "fixed" for one in found)
    for (label, numbers), colour in zip(values.items(), (COLOURS[0], COLOURS[1]), strict=False):
        panel.plot(
            places[:num_fixed], numbers[:num_fixed], "o-", color=colour, linewidth=1.6, markersize=4, label=label
        )
        panel.plot(places[num_fixed:], numbers[num_fixed:], "D", color=colour, markersize=6)
    leaning = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if len(found) > 5 else {}
    panel.set_xticks(places, [one.name for one in found], fontsize=9, **leaning)
    panel.set_xlabel("batch")
    panel.margins(x=0.08)
    if from_zero:
        panel.set_ylim(0, 1.15 * max(max(numbers) for numbers in values.values()))
    if len(values) > 1:
        panel.legend(frameon=False)
    _tidy(panel, title)


def _plain_numbers(axis) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def _tidy(panel, title: str) -> None:
    panel.set_title(title, loc="left", fontsize=11)
    panel.grid(axis="y", color="#e6e8eb")
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
