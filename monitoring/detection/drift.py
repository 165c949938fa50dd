"""Compares requests with the reference, column by column: a probability and an effect for each check."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from monitoring.detection.baseline import Baseline, Profile

DRIFT, DATA_QUALITY = "drift", "data_quality"
KINDS = {
    "ks": DRIFT,
    "chi2": DRIFT,
    "domain": DRIFT,
    "performance": DRIFT,
    "missing_or_invalid": DATA_QUALITY,
    "new_category": DATA_QUALITY,
    "out_of_range": DATA_QUALITY,
    "column_absent": DATA_QUALITY,
}
"""What each check speaks of: a distribution, a dependence or a meaning that moved, or data that are broken."""
CHECK_WORDS = {
    "ks": "distribution",
    "chi2": "distribution",
    "domain": "dependence",
    "performance": "performance",
    "missing_or_invalid": "missing or invalid",
    "new_category": "new category",
    "out_of_range": "out of range",
    "column_absent": "column absent",
}
"""What each check is called in front of people."""
FLOORS = {"missing_or_invalid": 0.05, "new_category": 0.02, "out_of_range": 0.005, "column_absent": 0.0}
"""Smallest effect that counts, for the checks that do not take the run file's `min_effect`."""
MIN_NEW_ROWS = 5
OWN_EFFECT_FACTOR = 1.25
"""A finding must exceed the largest effect between the reference's own parts by this factor."""
MIN_CHUNKS, MAX_CHUNKS = 4, 20


@dataclass(frozen=True)
class Check:
    """One comparison of one column.

    Attributes:
        column: The column's name; `prediction` and `confidence` are the model's answers.
        check: A key of `KINDS`.
        p: Probability of so large a difference without drift.
        effect: How large the difference is, from 0 to 1: a distance between distributions, or a share of rows.
        floor: Smallest effect that counts for this column.
        detail: The values behind it, for people.
    """

    column: str
    check: str
    p: float
    effect: float
    floor: float
    detail: str = ""

    @property
    def kind(self) -> str:
        """`drift` or `data_quality`."""
        return KINDS[self.check]

    def to_json(self) -> dict[str, object]:
        """Return the check as JSON values."""
        return {**asdict(self), "kind": self.kind}


def compare(
    baselines: Mapping[str, Baseline], profiles: Mapping[str, Profile], floors: Mapping[str, float]
) -> list[Check]:
    """Run all checks.

    Args:
        baselines: The reference, by column.
        profiles: What was requested, by column; a column that is not there is a finding of its own.
        floors: Smallest effect between distributions that counts, by column.

    Returns:
        One entry for each check that was run, with or without a difference.
    """
    checks: list[Check] = []
    for column, baseline in baselines.items():
        if column not in profiles:
            checks.append(Check(column, "column_absent", 0.0, 1.0, 0.0, "the requests have no such column"))
        elif profiles[column].num_rows:
            checks.extend(_checks(column, baseline, profiles[column], floors[column]))
    return checks


def findings_among(checks: list[Check], alpha: float) -> list[Check]:
    """Return the checks that count, largest effect first: p × number of checks < alpha, and the effect at its floor.

    Args:
        checks: All checks of one window; their number is the correction (Bonferroni's).
        alpha: Probability of one or more false findings in a window without drift.
    """
    found = [check for check in checks if check.p * len(checks) < alpha and check.effect >= check.floor]
    return sorted(found, key=lambda check: -check.effect)


def effect_floor(baseline: Baseline, values_N: np.ndarray, min_effect: float, min_rows: int) -> float:
    """Return the smallest effect between distributions that counts for a column.

    Args:
        baseline: The baseline of `values_N`.
        values_N: The reference, in its own order.
        min_effect: The run file's smallest effect.
        min_rows: Smallest number of rows in a part; a reference of fewer than four parts says nothing of itself.
    """
    num_chunks = min(MAX_CHUNKS, len(values_N) // max(1, min_rows))
    if num_chunks < MIN_CHUNKS:
        return min_effect
    whole = baseline.reference.counts
    parts = [baseline.profile(chunk).counts for chunk in np.array_split(values_N, num_chunks)]
    own = max(_distance(baseline, whole - part, part) for part in parts)
    return max(min_effect, OWN_EFFECT_FACTOR * own)


def _checks(column: str, baseline: Baseline, current: Profile, floor: float) -> list[Check]:
    checks = [_missing(column, baseline.reference, current)]
    reference = baseline.reference
    if not (reference.num_valid and current.num_valid):
        return checks
    if baseline.kind == "numeric":
        checks.append(_out_of_range(column, baseline, current))
    else:
        checks.append(_new_category(column, baseline, current))
    counts = reference.counts, current.counts
    effect = _distance(baseline, *counts)
    if _is_discrete(baseline):
        checks.append(Check(column, "chi2", _chi2(_pooled(baseline, *counts)), effect, floor))
    else:
        checks.append(Check(column, "ks", _ks(*counts), effect, floor))
    return checks


def _missing(column: str, reference: Profile, current: Profile) -> Check:
    from scipy.stats import fisher_exact

    before, now = reference.num_unusable / reference.num_rows, current.num_unusable / current.num_rows
    table = [[part.num_unusable, part.num_rows - part.num_unusable] for part in (reference, current)]
    p = float(fisher_exact(table)[1]) if reference.num_unusable + current.num_unusable else 1.0
    detail = f"{now:.1%} of the requests, {before:.1%} of the reference"
    return Check(column, "missing_or_invalid", p, abs(now - before), FLOORS["missing_or_invalid"], detail)


def _out_of_range(column: str, baseline: Baseline, current: Profile) -> Check:
    """The share of a population outside the range of n of its values is Beta(2, n - 1), whatever its distribution."""
    from scipy.stats import betabinom

    num_valid, num_outside = current.num_rows - current.num_missing, current.num_out_of_range
    p = float(betabinom.sf(num_outside - 1, num_valid, 2, max(1, baseline.reference.num_valid - 1)))
    detail = f"{num_outside:,} of {num_valid:,} values outside {baseline.low:.4g} to {baseline.high:.4g}"
    return Check(column, "out_of_range", p, num_outside / num_valid, FLOORS["out_of_range"], detail)


def _new_category(column: str, baseline: Baseline, current: Profile) -> Check:
    """The share of unseen words is estimated by the words seen once, and its error by the root of their number.

    Source:
        Good, "The population frequencies of species and the estimation of population parameters".
    """
    from scipy.stats import betabinom

    num_new, num_valid, seen = int(current.counts[-1]), current.num_valid, baseline.reference.num_valid
    unseen = baseline.num_singletons + 2 * math.isqrt(baseline.num_singletons) + 1
    p = float(betabinom.sf(num_new - 1, num_valid, unseen, max(1, seen - unseen + 1)))
    p = p if num_new >= MIN_NEW_ROWS else 1.0
    words = ", ".join(f"'{word}'" for word, _ in current.new_levels.most_common(3))
    detail = f"{num_new:,} of {num_valid:,} values that training never saw{f', such as {words}' if words else ''}"
    return Check(column, "new_category", p, num_new / num_valid, FLOORS["new_category"], detail)


def _is_discrete(baseline: Baseline) -> bool:
    return baseline.kind == "categorical" or baseline.is_discrete


def _distance(baseline: Baseline, reference: np.ndarray, current: np.ndarray) -> float:
    """Return the total variation distance for levels, and the Kolmogorov-Smirnov distance at the bin edges else."""
    if not (reference.sum() and current.sum()):
        return 0.0
    if _is_discrete(baseline):
        reference, current = _pooled(baseline, reference, current)
        return float(np.abs(reference / reference.sum() - current / current.sum()).sum() / 2)
    return float(np.abs(np.cumsum(reference / reference.sum() - current / current.sum())).max())


def _pooled(baseline: Baseline, reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Return the two rows of a table with one bin for all levels of which a side expects fewer than 5 rows.

    Rare and new words are always pooled: words count as new because the reference lacks them, so a bin of their own
    would differ without any drift.
    """
    total = reference + current
    small = total * min(reference.sum(), current.sum()) / total.sum() < 5
    if baseline.kind == "categorical":
        small[-2:] = True
    table = np.stack([np.append(row[~small], row[small].sum()) for row in (reference, current)]).astype(np.float64)
    return table[:, table.sum(axis=0) > 0]


def _ks(reference: np.ndarray, current: np.ndarray) -> float:
    from scipy.stats import kstwobign

    num_reference, num_current = int(reference.sum()), int(current.sum())
    distance = np.abs(np.cumsum(reference) / num_reference - np.cumsum(current) / num_current).max()
    return float(kstwobign.sf(distance * math.sqrt(num_reference * num_current / (num_reference + num_current))))


def _chi2(table: np.ndarray) -> float:
    """Return the p-value of the homogeneity test of a table's two rows."""
    from scipy.stats import chi2

    if table.shape[1] < 2:
        return 1.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    return float(chi2.sf(((table - expected) ** 2 / expected).sum(), table.shape[1] - 1))
