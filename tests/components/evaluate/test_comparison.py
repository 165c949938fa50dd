"""The champion keeps its place unless the candidate is no worse on the same examples."""

from __future__ import annotations

import numpy as np
import pytest

from components.evaluate.comparison import bootstrap_interval, compare
from estafet.metrics import Outcome
from estafet.runfile.tasks import Task


def answers(right_N: np.ndarray) -> Outcome:
    """Two classes, all of the first, answered rightly where `right_N` says so."""
    right_N = np.asarray(right_N, dtype=float)
    return Outcome(Task.TABULAR_CLASSIFICATION, np.zeros(len(right_N), int), np.stack([right_N, 1 - right_N], axis=1))


def measured(errors_N: np.ndarray) -> Outcome:
    return Outcome(Task.TABULAR_REGRESSION, np.zeros(len(errors_N)), np.asarray(errors_N, dtype=float))


def run(candidate: Outcome, champion: Outcome, metric: str, max_regression: float = 0.0):
    return compare(candidate, champion, metric=metric, max_regression=max_regression, folder="models/digits/1")


def test_the_same_model_again_passes_and_cannot_be_told_apart():
    outcome = answers([1, 1, 0, 1])

    result = run(outcome, outcome, "accuracy")

    assert result.passed
    assert (result.improvement, result.low, result.high) == (0, 0, 0)
    assert result.verdict == "not enough data to tell them apart"


def test_fewer_right_answers_are_refused():
    result = run(answers([1, 1, 0, 0]), answers([1, 1, 1, 0]), "accuracy")

    assert not result.passed
    assert result.improvement == pytest.approx(-0.25)


def test_a_regression_within_the_allowance_passes():
    assert run(answers([1, 1, 0, 0]), answers([1, 1, 1, 0]), "accuracy", max_regression=0.25).passed


def test_a_smaller_error_is_an_improvement():
    result = run(measured(np.ones(50)), measured(np.full(50, 3.0)), "rmse")

    assert result.passed
    assert result.improvement == pytest.approx(2)
    assert result.verdict == "better than the champion"


def test_a_clearly_larger_error_is_worse():
    result = run(measured(np.full(50, 3.0)), measured(np.ones(50)), "mae")

    assert not result.passed
    assert result.verdict == "worse than the champion"


def test_the_interval_is_that_of_the_normal_approximation_for_many_examples():
    """Of 10,000 answers the candidate gains 300 and loses 100: standard error √(0.04 − 0.02²)/100."""
    change = np.repeat([1, -1, 0], [300, 100, 9600])
    champion, candidate = answers(change <= 0), answers(change >= 0)

    low, high = bootstrap_interval(candidate, champion, metric="accuracy")

    half = 1.96 * np.sqrt(0.04 - 0.02**2) / 100
    assert low == pytest.approx(0.02 - half, abs=0.0006)
    assert high == pytest.approx(0.02 + half, abs=0.0006)


def test_the_interval_is_the_same_each_time():
    rng = np.random.default_rng(1)
    pair = measured(rng.normal(size=100)), measured(rng.normal(size=100))

    assert bootstrap_interval(*pair, metric="rmse") == bootstrap_interval(*pair, metric="rmse")


def test_overlapping_windows_widen_the_interval():
    """Errors that come in runs of 10 hold a tenth of the information."""
    rng = np.random.default_rng(2)
    runs = np.repeat(rng.normal(size=60), 10)
    pair = measured(1 + 0.5 * runs), measured(np.ones(600))

    single, blocked = (bootstrap_interval(*pair, metric="mae", block=block) for block in (1, 10))

    assert blocked[1] - blocked[0] > 2 * (single[1] - single[0])


def test_one_example_has_no_interval():
    assert bootstrap_interval(answers([1]), answers([0]), metric="accuracy") == (None, None)
