"""A classifier that tries to tell requests from the reference: it alone sees columns that no longer go together.

Each column may be distributed as it was while their dependence is broken, such as a price that rises where it fell.
Where a classifier with both in hand tells new rows from old ones, the rows differ, whatever their columns do by
themselves.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from monitoring.detection.drift import OWN_EFFECT_FACTOR, Check

COLUMN = "all columns together"
MIN_ROWS, MAX_REFERENCE_ROWS, MAX_REQUESTS = 200, 2500, 2500
MAX_CATEGORIES = 60
FLOOR = 0.10
"""Smallest effect that counts: an area of 0.6 under the curve."""
MIN_Z = 4.0
SEED = 0


def domain_check(
    reference: Mapping[str, np.ndarray], requests: Mapping[str, np.ndarray], broken: Collection[str]
) -> Check | None:
    """Compare all columns together.

    Args:
        reference: The reference by column, each of shape (N,): numbers with NaN, or words with None.
        requests: The requests, likewise.
        broken: Columns that are missing or invalid more often than they were: that is told by itself, and must not be
            taken for a broken dependence.

    Returns:
        The check, whose effect is the area under the ROC curve less one half, on rows that the classifier did not
        learn from, and whose p is that of the Mann-Whitney test; None where two columns or 200 rows are wanting.

    Source:
        Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests".
    """
    names = [name for name in reference if name in requests and name not in broken]
    num_reference, num_requests = (len(next(iter(side.values()), ())) for side in (reference, requests))
    if len(names) < 2 or min(num_reference, num_requests) < MIN_ROWS:
        return None
    before_NC, now_NC = _tables(names, reference, requests)
    area, z = _told_apart(before_NC, now_NC)
    effect, floor = max(0.0, area - 0.5), FLOOR
    if z > MIN_Z and effect >= floor:  # only then is it worth asking how different the reference is from itself
        cut = len(before_NC) * 3 // 4
        own, _ = _told_apart(before_NC[:cut], before_NC[cut:])
        floor = max(floor, OWN_EFFECT_FACTOR * (own - 0.5))
    p = math.erfc(z / math.sqrt(2)) / 2 if z > MIN_Z else 1.0
    detail = f"a classifier tells requests from the reference with an area under the ROC curve of {area:.2f}"
    return Check(COLUMN, "domain", p, effect, floor, detail)


def _tables(
    names: list[str], reference: Mapping[str, np.ndarray], requests: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return both sides as numbers, in the order of time; words as the rank of their frequency in the reference."""
    rows = [
        np.unique(np.linspace(0, len(side[names[0]]) - 1, min(len(side[names[0]]), most)).astype(np.int64))
        for side, most in ((reference, MAX_REFERENCE_ROWS), (requests, MAX_REQUESTS))
    ]
    before, now = [], []
    for name in names:
        old_N, new_N = reference[name][rows[0]], requests[name][rows[1]]
        if old_N.dtype == object or new_N.dtype == object:
            old_N, new_N = _ranks(reference[name], old_N, new_N)
        before.append(old_N.astype(np.float32))
        now.append(new_N.astype(np.float32))
    return np.stack(before, axis=1), np.stack(now, axis=1)


def _ranks(reference_N: np.ndarray, *parts: np.ndarray) -> tuple[np.ndarray, ...]:
    frequency: dict[str, int] = {}
    for value in reference_N:
        if value is not None:
            frequency[str(value)] = frequency.get(str(value), 0) + 1
    ranked = sorted(frequency, key=lambda word: (-frequency[word], word))[:MAX_CATEGORIES]
    rank = {word: float(number) for number, word in enumerate(ranked)}
    return tuple(
        np.array([np.nan if value is None else rank.get(str(value), np.nan) for value in part]) for part in parts
    )


def _told_apart(before_NC: np.ndarray, now_NC: np.ndarray) -> tuple[float, float]:
    """Return the area under the ROC curve, each half of the rows judged by the other, and its distance from chance."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    random = np.random.default_rng(SEED)
    rows_NC, is_new_N = np.concatenate([before_NC, now_NC]), np.arange(len(before_NC) + len(now_NC)) >= len(before_NC)
    half_N = np.empty(len(rows_NC), bool)
    for side in (is_new_N, ~is_new_N):  # as many of each in both halves
        half_N[side] = random.permutation(int(side.sum())) % 2 == 0
    areas = []
    with threadpool_limits(1, "openmp"), np.errstate(all="ignore"):
        for learns_N in (half_N, ~half_N):
            model = HistGradientBoostingClassifier(
                max_iter=80, max_leaf_nodes=8, learning_rate=0.15, max_bins=64, early_stopping=False, random_state=SEED
            )
            model.fit(np.clip(rows_NC[learns_N], -1e30, 1e30), is_new_N[learns_N])
            scores_N = model.predict_proba(np.clip(rows_NC[~learns_N], -1e30, 1e30))[:, 1]
            areas.append(_area(scores_N, is_new_N[~learns_N]))
    area, (num_old, num_new) = float(np.mean(areas)), (len(before_NC), len(now_NC))
    deviation = math.sqrt((num_old + num_new + 2) / (12 * num_old * num_new))
    return area, (area - 0.5) / deviation


def _area(scores_N: np.ndarray, is_new_N: np.ndarray) -> float:
    from scipy.stats import mannwhitneyu

    above = mannwhitneyu(scores_N[is_new_N], scores_N[~is_new_N]).statistic
    return float(above / (is_new_N.sum() * (~is_new_N).sum()))
