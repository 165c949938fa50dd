"""Draws a training: loss, metric, batch size and learning rate by epoch."""

from __future__ import annotations

import io
from pathlib import Path

from estafet.files import replacing
from estafet.training.trained import Trained

TRAIN_COLOUR, VALIDATION_COLOUR, QUIET_COLOUR = "#4c78a8", "#e4572e", "#8a8f98"


def plot(trained: Trained, path: str | Path) -> None:
    """Write the curves of a training as a PNG file."""
    from matplotlib.figure import Figure

    history = trained.history
    metric = "accuracy" if "val_accuracy" in history[0] else trained.judged_by
    figure = Figure(figsize=(11, 6.4), dpi=120, layout="constrained")
    panels = figure.subplots(2, 2, sharex=True)
    _pair(panels[0, 0], trained, "loss", "Loss")
    _pair(panels[0, 1], trained, metric, metric.replace("_", " ").capitalize())
    _steps(panels[1, 0], trained, "batch_size", "Batch size")
    _steps(panels[1, 1], trained, "learning_rate", "Learning rate")
    for panel in panels[1]:
        panel.set_xlabel("epoch")
        panel.xaxis.get_major_locator().set_params(integer=True)
    value = trained.validation[metric]
    figure.suptitle(
        f"{trained.task.replace('_', ' ').capitalize()} · validation {metric.replace('_', ' ')} {value:.4g} "
        f"at epoch {trained.epoch} of {trained.epochs}",
        x=0.01,
        ha="left",
        fontsize=13,
        fontweight="bold",
    )
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    with replacing(path, "wb") as file:
        file.write(drawn.getvalue())


def _pair(panel, trained: Trained, name: str, title: str) -> None:
    epochs = range(1, trained.epochs + 1)
    marker = "o" if trained.epochs <= 30 else None
    for key, label, colour in ((name, "training", TRAIN_COLOUR), (f"val_{name}", "validation", VALIDATION_COLOUR)):
        values = [epoch[key] for epoch in trained.history]
        panel.plot(epochs, values, label=label, color=colour, linewidth=2, marker=marker, markersize=3.5)
    panel.axvline(trained.epoch, color=QUIET_COLOUR, linewidth=1, linestyle=":", label="kept")
    panel.legend(frameon=False)
    _tidy(panel, title)


def _steps(panel, trained: Trained, name: str, title: str) -> None:
    values = [epoch[name] for epoch in trained.history]
    panel.step(range(1, trained.epochs + 1), values, where="mid", color=QUIET_COLOUR, linewidth=2)
    panel.set_ylim(0, 1.15 * max(values))
    _tidy(panel, title)


def _tidy(panel, title: str) -> None:
    panel.set_title(title, loc="left", fontsize=11)
    panel.grid(axis="y", color="#e6e8eb")
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
