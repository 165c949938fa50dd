"""Draws the members of an ensemble: how each learned, and where the ensemble stands."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from components.train.curves import QUIET_COLOUR, TRAIN_COLOUR, VALIDATION_COLOUR
from estafet.files import replacing
from estafet.training.trained import Trained


def plot(ensemble: Trained, members: Sequence[Trained], path: str | Path) -> None:
    """Write each member's validation metric by epoch, and the ensemble's as a line across, as a PNG file."""
    from matplotlib.figure import Figure

    metric = "accuracy" if "accuracy" in ensemble.validation else ensemble.judged_by
    value = ensemble.validation[metric]
    figure = Figure(figsize=(11, 4.2), dpi=120, layout="constrained")
    panel = figure.subplots()
    for index, member in enumerate(members):
        epochs = range(1, member.epochs + 1)
        values = [epoch[f"val_{metric}"] for epoch in member.history]
        label = "members" if index == 0 else None
        marker = "o" if member.epochs <= 30 else None
        panel.plot(epochs, values, color=TRAIN_COLOUR, alpha=0.6, linewidth=1.5, marker=marker, ms=3, label=label)
        panel.plot(member.epoch, member.validation[metric], "o", color=QUIET_COLOUR, ms=5, zorder=3)
    panel.axhline(value, color=VALIDATION_COLOUR, linewidth=2, label="ensemble")
    panel.set_xlabel("epoch")
    panel.xaxis.get_major_locator().set_params(integer=True)
    panel.grid(axis="y", color="#e6e8eb")
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False)
    said = f"{ensemble.about.capitalize()} · validation {metric.replace('_', ' ')} {value:.4g}"
    figure.suptitle(said, x=0.01, ha="left", fontsize=13, fontweight="bold")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    with replacing(path, "wb") as file:
        file.write(drawn.getvalue())
