"""Where trials stand that came differently far."""

from __future__ import annotations

from components.tune.proof.standing import Course, places


def stand(*courses: Course, metric_maximised: bool = False, value_maximised: bool = False) -> list[float]:
    return places(courses, metric_maximised=metric_maximised, value_maximised=value_maximised)


def test_trials_that_came_to_the_end_stand_as_their_values_say():
    assert stand(Course((9, 1), 1.0), Course((9, 3), 3.0), Course((9, 2), 2.0)) == [2, 0, 1]


def test_a_pruned_trial_is_compared_at_the_epoch_where_it_ended():
    """Ended at 5 after one epoch, it was behind 4, but ahead of 6, which was let go on and came to 1."""
    assert stand(Course((4, 3), 3.0), Course((5,), None), Course((6, 1), 1.0)) == [1, 1, 1]


def test_the_best_of_the_curve_counts_and_not_its_end():
    assert stand(Course((2, 8, 8), None), Course((3, 3, 3), None)) == [1, 0]


def test_equal_trials_share_their_place():
    assert stand(Course((1,), 1.0), Course((1,), 1.0)) == [0.5, 0.5]


def test_values_and_curves_may_go_different_ways():
    """A weighted sum that is maximised, watched by a loss."""
    courses = Course((4, 3), 10.0), Course((5, 2), 20.0), Course((6,), None)

    assert stand(*courses, value_maximised=True) == [1, 2, 0]
    assert stand(*courses, metric_maximised=True) == [1, 0, 2]
