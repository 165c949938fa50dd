"""Rank correlations and their intervals, against counts by hand, other formulas and drawn samples."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from components.tune.proof.agreement import kendall, spearman

ORDER = [1, 2, 3, 4, 5, 6, 7, 8]
MIXED = [2, 1, 4, 3, 6, 5, 8, 7]


def test_spearman_is_one_minus_six_times_the_squared_rank_differences():
    """Each of eight differs by one rank: 1 − 6 · 8 / (8 · 63) = 0.9048."""
    assert spearman(ORDER, MIXED).value == pytest.approx(1 - 48 / 504)


def test_kendall_counts_pairs_in_the_same_order():
    """Four of 28 pairs are the other way round: (24 − 4) / 28."""
    assert kendall(ORDER, MIXED).value == pytest.approx(20 / 28)


def test_ties_share_their_rank_as_in_a_correlation_of_mean_ranks():
    """The ranks 1, 2.5, 2.5, 4, 5 by hand, and Pearson's correlation of them."""
    ranks = [1, 2.5, 2.5, 4, 5]
    expected = np.corrcoef(ranks, [2, 1, 3, 4, 5])[0, 1]

    assert spearman([10, 20, 20, 30, 40], [2, 1, 3, 4, 5]).value == pytest.approx(expected)


def test_kendalls_ties_take_from_the_number_of_pairs():
    """τ-b by all pairs: (concordant − discordant) / √((pairs − ties of one) (pairs − ties of the other))."""
    one, other = [1, 2, 2, 3, 4, 4], [1, 3, 2, 2, 5, 6]
    pairs = list(itertools.combinations(range(6), 2))
    signs = [(np.sign(one[i] - one[j]), np.sign(other[i] - other[j])) for i, j in pairs]
    score = sum(a * b for a, b in signs)
    expected = score / math.sqrt(sum(a != 0 for a, _ in signs) * sum(b != 0 for _, b in signs))

    assert kendall(one, other).value == pytest.approx(expected)


def test_the_interval_of_spearmans_is_that_of_bonett_and_wright():
    """ρ 0.9048: atanh 1.4979 ± 1.96 · √((1 + 0.4093) / 5), which is 0.4573 and 2.5384."""
    found = spearman(ORDER, MIXED)

    assert found.low == pytest.approx(math.tanh(0.4573), abs=2e-4)
    assert found.high == pytest.approx(math.tanh(2.5384), abs=2e-4)


def test_the_interval_of_kendalls_is_that_of_fieller():
    """τ 0.7143: atanh 0.8959 ± 1.96 · √(0.437 / 4), which is 0.2481 and 1.5437."""
    found = kendall(ORDER, MIXED)

    assert found.low == pytest.approx(math.tanh(0.2481), abs=2e-4)
    assert found.high == pytest.approx(math.tanh(1.5437), abs=2e-4)


@pytest.mark.parametrize("measure", [spearman, kendall])
@pytest.mark.parametrize("way", [1, -1])
def test_a_few_in_the_same_order_are_no_certainty(measure, way):
    found = measure([1, 2, 3, 4, 5], [way * value for value in (1, 2, 3, 4, 5)])

    assert found.value == pytest.approx(way)
    assert max(found.low * way, found.high * way) == pytest.approx(1)
    assert -1 < min(found.low * way, found.high * way) < 0.5


@pytest.mark.parametrize("measure", [spearman, kendall])
def test_more_trials_narrow_the_interval(measure):
    assert measure(list(range(20)), list(range(20))).low > measure(list(range(8)), list(range(8))).low > 0.5


@pytest.mark.parametrize("measure", [spearman, kendall])
@pytest.mark.parametrize(("one", "other"), [([1, 2, 3, 4], [1, 2, 3, 4]), ([], []), ([1] * 6, [1, 2, 3, 4, 5, 6])])
def test_nothing_is_told_of_too_few_or_of_what_does_not_vary(measure, one, other):
    assert measure(one, other) is None


def test_the_interval_holds_the_true_correlation_in_about_95_of_100_samples():
    """Drawn from a normal distribution whose ρ is 6/π · asin(r/2); ten trials a sample."""
    random, r = np.random.default_rng(0), 0.8
    rho = 6 / math.pi * math.asin(r / 2)
    samples = random.multivariate_normal([0, 0], [[1, r], [r, 1]], size=(600, 10))

    intervals = [spearman(sample[:, 0].tolist(), sample[:, 1].tolist()) for sample in samples]

    assert np.mean([found.low <= rho <= found.high for found in intervals]) == pytest.approx(0.95, abs=0.025)
