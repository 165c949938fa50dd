"""How good the answers were, by the labels that arrived: the only check that sees a changed meaning of equal inputs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from estafet.runfile.tasks import Task
from monitoring.detection.drift import Check

COLUMN = "labels"
MIN_LABELS = 50
ACCURACY_FLOOR = 0.03
ERROR_FLOOR = 0.05
"""Smallest effects that count: three points of accuracy, or an error that is larger in 55 of 100 pairs."""


def performance_check(
    task: Task, reference: Mapping[str, np.ndarray], predictions_N: np.ndarray, labels_N: np.ndarray
) -> Check | None:
    """Compare the errors on labelled requests with those on the reference.

    Args:
        task: What the model does; forecasts get no labels by request.
        reference: The columns `prediction` and `label` of the held-out rows, each of shape (N,).
        predictions_N: The answers to the labelled requests of a window: classes, or numbers.
        labels_N: Their labels.

    Returns:
        For classifiers the loss of accuracy, with the p-value of the one-sided test of two proportions; for numbers
        how much more often than not an error of a request is larger than one of the reference, with the p-value of the
        one-sided Mann-Whitney test. None where there are fewer than 50 labels, or the reference has none.
    """
    if task is Task.FORECASTING or "label" not in reference or "prediction" not in reference:
        return None
    if len(labels_N) < MIN_LABELS:
        return None
    if task.is_classification:
        return _accuracy(_right(reference["prediction"], reference["label"]), _right(predictions_N, labels_N))
    before_N = np.abs(as_floats(reference["prediction"]) - as_floats(reference["label"]))
    now_N = np.abs(as_floats(predictions_N) - as_floats(labels_N))
    return _errors(before_N[np.isfinite(before_N)], now_N[np.isfinite(now_N)])


def as_floats(values_N: np.ndarray) -> np.ndarray:
    """Return numbers, or words that are numbers; NaN for what is neither."""
    if values_N.dtype != object:
        return values_N.astype(np.float64)
    return np.array([_as_float(value) for value in values_N], np.float64)


def _as_float(value: object) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def _right(predictions_N: np.ndarray, labels_N: np.ndarray) -> np.ndarray:
    return np.array([str(told) == str(label) for told, label in zip(predictions_N, labels_N, strict=True)], bool)


def _accuracy(before_N: np.ndarray, now_N: np.ndarray) -> Check:
    from scipy.stats import norm

    before, now = float(before_N.mean()), float(now_N.mean())
    pooled = (before_N.sum() + now_N.sum()) / (len(before_N) + len(now_N))
    deviation = np.sqrt(pooled * (1 - pooled) * (1 / len(before_N) + 1 / len(now_N)))
    p = float(norm.sf((before - now) / deviation)) if deviation > 0 else 1.0
    detail = f"accuracy {now:.1%} on {len(now_N):,} labelled requests, {before:.1%} on the reference"
    return Check(COLUMN, "performance", p, max(0.0, before - now), ACCURACY_FLOOR, detail)


def _errors(before_N: np.ndarray, now_N: np.ndarray) -> Check | None:
    from scipy.stats import mannwhitneyu

    if min(len(before_N), len(now_N)) < MIN_LABELS:
        return None
    found = mannwhitneyu(now_N, before_N, alternative="greater")
    effect = max(0.0, float(found.statistic) / (len(now_N) * len(before_N)) - 0.5)
    detail = (
        f"mean absolute error {now_N.mean():.4g} on {len(now_N):,} labelled requests, {before_N.mean():.4g} on the "
        "reference"
    )
    return Check(COLUMN, "performance", float(found.pvalue), effect, ERROR_FLOOR, detail)
