"""How alike two rankings of the same trials are: Spearman's and Kendall's correlations, with confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

from components.tune.result import Interval

MIN_TRIALS = 5
"""Kendall's interval divides by n − 4."""
NORMAL_95 = 1.959963984540054


def spearman(one_N: Sequence[float], other_N: Sequence[float]) -> Interval | None:
    """Return Spearman's rank correlation with its 95 % interval; ties share the mean of their ranks.

    Args:
        one_N: A value of each trial, shape (N,).
        other_N: Another, in the same order.

    Returns:
        None where there are fewer than five trials, or one side does not vary.

    Source:
        The variance of its Fisher transform, (1 + ρ²/2) / (n − 3): Bonett and Wright, "Sample size requirements for
        estimating Pearson, Kendall and Spearman correlations", 2000.
    """
    if not _can_be_told(one_N, other_N):
        return None
    from scipy import stats

    rho, num = float(stats.spearmanr(one_N, other_N).statistic), len(one_N)
    return _interval(rho, lambda r: math.sqrt((1 + r**2 / 2) / (num - 3)), smallest_step=12 / (num * (num**2 - 1)))


def kendall(one_N: Sequence[float], other_N: Sequence[float]) -> Interval | None:
    """Return Kendall's τ-b with its 95 % interval.

    Args:
        one_N: A value of each trial, shape (N,).
        other_N: Another, in the same order.

    Returns:
        None where there are fewer than five trials, or one side does not vary.

    Source:
        The variance of its Fisher transform, 0.437 / (n − 4): Fieller, Hartley and Pearson, "Tests for rank correlation
        coefficients", 1957.
    """
    if not _can_be_told(one_N, other_N):
        return None
    from scipy import stats

    tau, num = float(stats.kendalltau(one_N, other_N, variant="b").statistic), len(one_N)
    return _interval(tau, lambda _: math.sqrt(0.437 / (num - 4)), smallest_step=4 / (num * (num - 1)))


def _can_be_told(one_N: Sequence[float], other_N: Sequence[float]) -> bool:
    return len(one_N) >= MIN_TRIALS and len(set(one_N)) > 1 and len(set(other_N)) > 1


def _interval(correlation: float, deviation, smallest_step: float) -> Interval:
    """Return the interval that is symmetrical after Fisher's transform.

    That transform is infinite at ±1, where it would make five trials in the same order a certainty. So there the
    interval is that of half a step below; a step is what two neighbours that change places take from it.
    """
    limit = 1 - smallest_step / 2
    inside = max(-limit, min(limit, correlation))
    half = NORMAL_95 * deviation(inside)
    low, high = (math.tanh(math.atanh(inside) + sign * half) for sign in (-1, 1))
    return Interval(value=correlation, low=min(low, correlation), high=max(high, correlation))
