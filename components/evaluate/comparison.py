"""The candidate against the champion: the same examples, and how sure the difference is."""

from __future__ import annotations

import numpy as np

from estafet.evaluation import ChampionComparison
from estafet.metrics import METRICS, Outcome, compute
from estafet.runfile.tasks import HIGHER_IS_BETTER

NUM_RESAMPLES = 1000
MAX_RESAMPLED_EXAMPLES = 20_000_000
ROUNDING = 1e-6


def compare(
    candidate: Outcome, champion: Outcome, *, metric: str, max_regression: float, folder: str, block: int = 1
) -> ChampionComparison:
    """Decide whether the candidate is no worse than the champion, and how sure that is.

    Args:
        candidate: Its predictions.
        champion: The champion's, on the same examples in the same order.
        metric: The metric that decides.
        max_regression: How much worse the candidate may be, in the metric's unit.
        folder: The champion's folder.
        block: Number of neighbouring examples that are resampled together, where they overlap.
    """
    values = METRICS[metric](candidate), METRICS[metric](champion)
    if not np.all(np.isfinite(values)):
        return skipped(folder, f"{metric} cannot be computed on these examples")
    sign = 1 if HIGHER_IS_BETTER[metric] else -1
    improvement = sign * (values[0] - values[1])
    low, high = bootstrap_interval(candidate, champion, metric=metric, block=block)
    return ChampionComparison(
        status="compared",
        folder=folder,
        metric=metric,
        candidate=values[0],
        champion=values[1],
        improvement=improvement,
        low=low,
        high=high,
        max_regression=max_regression,
        champion_metrics=compute(champion),
        passed=bool(improvement >= -max_regression - ROUNDING * abs(values[1])),
    )


def skipped(folder: str, reason: str) -> ChampionComparison:
    """Return a comparison that could not be made; it keeps no candidate from its release."""
    return ChampionComparison(status="skipped", folder=folder, reason=reason, passed=True)


def bootstrap_interval(
    candidate: Outcome, champion: Outcome, *, metric: str, block: int = 1, seed: int = 0
) -> tuple[float | None, float | None]:
    """Return the 95 % interval of the candidate's improvement, by resampling pairs of predictions.

    Args:
        candidate: Its predictions.
        champion: The champion's, on the same examples in the same order.
        metric: The metric that is resampled.
        block: Number of neighbouring examples that are drawn together.
        seed: Makes the interval repeatable.

    Returns:
        Its ends, in the metric's unit, above 0 where the candidate is better; None where there are fewer than two
        blocks or the metric is not defined on most samples.

    Source:
        Efron and Tibshirani, "An Introduction to the Bootstrap"; Politis and Romano, "A circular block-resampling
        procedure for stationary data".
    """
    num_examples, function, rng = len(candidate), METRICS[metric], np.random.default_rng(seed)
    num_blocks = -(-num_examples // block)
    if num_blocks < 2:
        return None, None
    num_resamples = max(100, min(NUM_RESAMPLES, MAX_RESAMPLED_EXAMPLES // num_examples))
    differences = np.empty(num_resamples)
    for i in range(num_resamples):
        starts = rng.integers(0, num_examples, num_blocks)
        indices = ((starts[:, None] + np.arange(block)) % num_examples).ravel()[:num_examples]
        differences[i] = function(candidate.take(indices)) - function(champion.take(indices))
    known = differences[np.isfinite(differences)] * (1 if HIGHER_IS_BETTER[metric] else -1)
    if len(known) < num_resamples / 2:
        return None, None
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)
