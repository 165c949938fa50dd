"""The grid: its size, its points and their order."""

from __future__ import annotations

import itertools
import math

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from components.tune.study.grid import grid, size

RATE = FloatDistribution(1e-4, 1e-1, log=True)
LAYERS = IntDistribution(1, 4)


def test_a_logarithmic_range_is_cut_into_equal_ratios():
    """From 1e-4 to 1e-1 in four points: each is ten times the one before."""
    points = grid({"rate": RATE}, limit=4, seed=0)

    assert sorted(point["rate"] for point in points) == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1])


def test_a_grid_is_as_fine_as_the_trials_allow():
    """7 points on three decades: half a decade apart."""
    points = grid({"rate": RATE}, limit=7, seed=0)

    rates = sorted(point["rate"] for point in points)
    assert [b / a for a, b in itertools.pairwise(rates)] == pytest.approx([math.sqrt(10)] * 6)


def test_the_defaults_ahead_push_no_point_of_the_grid_out():
    """With 5 trials, 4 points and the default: all ends are still tried."""
    points = grid({"rate": RATE}, limit=5, seed=0, first={"rate": 2e-3})

    assert points[0] == {"rate": 2e-3}
    assert sorted(point["rate"] for point in points[1:]) == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1])


def test_a_grid_that_is_too_large_is_sampled_without_repeats_and_begins_with_the_defaults():
    points = grid({"a": LAYERS, "b": LAYERS}, limit=5, seed=0, first={"a": 2, "b": 3})

    assert points[0] == {"a": 2, "b": 3}
    assert len(points) == 5
    assert len({tuple(point.items()) for point in points}) == 5


def test_choices_and_whole_numbers_make_a_grid_of_all_there_are():
    """3 choices by 4 whole numbers are 12 points, whatever the limit."""
    axes = {"units": CategoricalDistribution([16, 32, 64]), "layers": LAYERS}

    points = grid(axes, limit=100, seed=0)

    assert size(axes) == 12
    assert {(point["units"], point["layers"]) for point in points} == {
        (u, n) for u in (16, 32, 64) for n in (1, 2, 3, 4)
    }
    assert len(points) == 12


def test_a_continuous_range_has_no_end_of_points_unless_it_is_one_value():
    assert size({"rate": RATE}) == math.inf
    assert size({"rate": FloatDistribution(0.1, 0.1), "layers": LAYERS}) == 4
