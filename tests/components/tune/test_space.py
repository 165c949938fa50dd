"""Ranges become Optuna's distributions and grids."""

from __future__ import annotations

import pytest

from components.tune import space
from estafet.errors import ConfigError
from estafet.runfile.tune import Range


def test_a_logarithmic_range_is_cut_into_equal_ratios():
    """From 1e-4 to 1e-1 in four points: each is ten times the one before."""
    axes = {"rate": space.distribution("rate", Range(low=1e-4, high=1e-1, log=True))}

    points = space.grid(axes, limit=10, seed=0)

    assert sorted(point["rate"] for point in points) == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1])


def test_a_grid_that_is_too_large_is_sampled_without_repeats_and_begins_with_the_defaults():
    axes = {name: space.distribution(name, Range(low=1, high=4, integer=True)) for name in ("a", "b")}

    points = space.grid(axes, limit=5, seed=0, first={"a": 2, "b": 3})

    assert points[0] == {"a": 2, "b": 3}
    assert len(points) == 5
    assert len({tuple(point.items()) for point in points}) == 5


def test_whole_choices_that_arrive_as_floats_are_whole():
    assert space.distribution("units", Range(choices=(16.0, 32.0))).choices == (16, 32)


def test_an_integer_range_without_an_integer_is_refused():
    with pytest.raises(ConfigError, match=r"no whole number between 1\.2 and 1\.8"):
        space.distribution("units", Range(low=1.2, high=1.8, integer=True))


def test_only_values_inside_their_ranges_are_kept():
    axes = {
        "units": space.distribution("units", Range(choices=(16, 32))),
        "rate": space.distribution("rate", Range(low=0.1, high=0.2)),
    }

    assert space.inside(axes, {"units": 32, "rate": 0.5, "other": 1}) == {"units": 32}
