"""A training's result in a few words, without TensorFlow."""

from __future__ import annotations

from estafet.training.trained import Trained


def summary(trained: Trained) -> str:
    """Return the result in a few words."""
    shown = "accuracy" if "accuracy" in trained.validation else trained.judged_by
    value = trained.validation[shown]
    count = "1 epoch" if trained.epochs == 1 else f"{trained.epochs} epochs"
    said = trained.about or count
    return f"validation {shown} {value:.4g} · {said} · {trained.num_parameters:,} parameters"
