"""Pareto fronts, by points whose place is plain to see."""

from __future__ import annotations

from components.tune.front import knee, undominated, within


def test_a_point_that_another_equals_in_one_and_beats_in_the_other_is_not_on_the_front():
    assert undominated([(1, 3), (1, 2), (2, 1), (2, 2)]) == [1, 2]


def test_equal_points_are_both_on_the_front():
    assert undominated([(1, 1), (1, 1)]) == [0, 1]


def test_a_unit_does_not_matter_to_the_knee():
    """In shares of the ranges 1 and 1000 the points are at (0, 1), (0.4, 0.4) and (1, 0)."""
    assert knee([(0, 1000), (0.4, 400), (1, 0)]) == 1


def test_what_does_not_vary_counts_for_nothing():
    assert knee([(5, 2), (5, 1)]) == 1


def test_near_means_a_share_of_the_best_value():
    """2 % of 100 is 2; negated, as what is maximised is, −100 may be −98."""
    assert within([(100, 0), (102, 0), (102.1, 0)], 0, 0.02) == [0, 1]
    assert within([(-100, 0), (-98, 0), (-97.9, 0)], 0, 0.02) == [0, 1]
