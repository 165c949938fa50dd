"""Draws a measurement: latency over time, and how the latencies are spread."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from estafet.files import replacing
from serving.load.measuring import Measured
from serving.load.result import Result, latencies_ms

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEDIAN_COLOUR, TAIL_COLOUR, FAILED_COLOUR = "#4c78a8", "#e4572e", "#8a8f98"
NUM_BINS = 60


def plot(measured: Measured, result: Result, title: str, path: str | Path) -> None:
    """Write a measurement as a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), dpi=120, layout="constrained")
    over_time, spread = figure.subplots(1, 2)
    _draw_over_time(over_time, result)
    _draw_spread(spread, measured, result)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    with replacing(path, "wb") as file:
        file.write(drawn.getvalue())


def _draw_over_time(panel: Axes, result: Result) -> None:
    rows = [row for row in result.by_second if row["answered"]]
    seconds = [row["second"] for row in rows]
    panel.plot(seconds, [row["p99"] for row in rows], label="p99", color=TAIL_COLOUR, marker="o", markersize=3)
    panel.plot(seconds, [row["p50"] for row in rows], label="median", color=MEDIAN_COLOUR, marker="o", markersize=3)
    for row in result.by_second:
        if row["failed"]:
            panel.axvspan(row["second"] - 0.5, row["second"] + 0.5, color=FAILED_COLOUR, alpha=0.25, linewidth=0)
    panel.set_yscale("log")
    panel.xaxis.get_major_locator().set_params(integer=True)
    panel.set_xlabel("second after the warm-up (grey: some requests failed)")
    panel.set_ylabel("latency, ms")
    panel.legend(frameon=False)
    _tidy(panel, "Over time")


def _draw_spread(panel: Axes, measured: Measured, result: Result) -> None:
    values_N = np.maximum(latencies_ms([sample for sample in measured.samples if not sample.failure]), 1e-3)
    if values_N.size:
        bins = np.geomspace(values_N.min() * 0.999, values_N.max() * 1.001, NUM_BINS)
        panel.hist(values_N, bins, color=MEDIAN_COLOUR)
        panel.set_xscale("log")
    for name in ("p50", "p99", "p99.9"):
        if name in result.latencies_ms:
            panel.axvline(result.latencies_ms[name], color=TAIL_COLOUR, linewidth=1, linestyle=":")
            panel.annotate(
                f" {name}", (result.latencies_ms[name], 0.97), xycoords=("data", "axes fraction"), fontsize=8, va="top"
            )
    panel.set_xlabel("latency, ms")
    panel.set_ylabel("requests")
    _tidy(panel, "How they are spread")


def _tidy(panel: Axes, title: str) -> None:
    panel.set_title(title, loc="left", fontsize=11)
    panel.grid(axis="y", color="#e6e8eb")
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
