"""Which trials are trained again."""

from __future__ import annotations

from components.tune.objective import Objective
from components.tune.proof.candidates import candidates
from estafet.runfile.tasks import Task
from estafet.runfile.tune import Proof, Tune


def chosen(trials, best: int = 2, middle: int = 2, **tune) -> list[tuple[int, str, bool]]:
    objective = Objective.of(Tune.model_validate(tune), Task.TABULAR_REGRESSION)
    own, _, _ = objective.choose(trials)
    found = candidates(trials, objective, Proof(best=best, middle=middle), own)
    return [(candidate.trial.number, candidate.place, candidate.may_win) for candidate in found]


def test_the_best_come_first_and_the_middle_of_each_part_of_the_rest_after_them(tried):
    """The rest are 2 … 9, in two parts of four, of which the third ones are 4 and 8."""
    trials = [tried(number, 1.0 + number) for number in reversed(range(10))]

    assert chosen(trials) == [(0, "best", True), (1, "best", True), (4, "middle", True), (8, "middle", True)]


def test_pruned_trials_are_drawn_where_they_stood_when_they_ended(tried):
    """After one epoch 3 was ahead of 2, and 4 behind it."""
    trials = [
        tried(0, 5, 1),
        tried(1, 6, 2),
        tried(2, 8, 3),
        tried(3, 7, state="pruned"),
        tried(4, 9, state="pruned"),
        tried(5, state="failed"),
    ]

    assert [number for number, _, _ in chosen(trials, middle=5)] == [0, 1, 3, 2, 4]


def test_a_pruned_trial_that_was_ahead_of_a_complete_one_is_among_the_best_before_it(tried):
    """Trial 1 was never pruned, being one of the first; 2 and 3 were ahead of it at their last epoch."""
    trials = [tried(0, 5, 1), tried(1, 9, 4), tried(2, 6, state="pruned"), tried(3, 7, state="pruned")]

    assert [number for number, place, _ in chosen(trials, best=3, middle=1) if place == "best"] == [0, 2, 3]


def test_fewer_trials_than_asked_for_are_all_taken(tried):
    assert [number for number, _, _ in chosen([tried(0, 1.0)], best=5, middle=5)] == [0]


def test_the_same_hyperparameters_are_trained_once(tried):
    trials = [tried(0, 1.0, x=7), tried(1, 1.0, x=7), tried(2, 2.0), tried(3, 3.0, x=7)]

    assert [number for number, _, _ in chosen(trials, best=2, middle=2)] == [0, 2]


def test_a_trial_that_breaks_a_constraint_may_be_drawn_but_not_win(tried):
    """Of a pruned trial it is not known what it costs."""
    trials = [
        tried(0, 1.0, parameters=9.0).model_copy(update={"violations": {"parameters <= 5": 4.0}}),
        tried(1, 2.0, parameters=3.0),
        tried(2, 3.0, state="pruned"),
    ]

    found = chosen(trials, satisfy=["parameters <= 5"])

    assert found == [(1, "best", True), (0, "middle", False), (2, "middle", False)]


def test_of_a_front_the_chosen_point_comes_first_and_the_front_before_what_is_behind_it(tried):
    """Trial 3 is second by rmse, but trial 0 is better in both."""
    trials = [
        tried(0, 1.0, parameters=10.0),
        tried(1, 1.6, parameters=2.0),
        tried(2, 3.0, parameters=1.0),
        tried(3, 1.1, parameters=11.0),
    ]

    found = chosen(trials, best=3, middle=1, optimise=[{"metric": "rmse"}, {"metric": "parameters"}])

    assert [(number, place) for number, place, _ in found] == [(1, "best"), (0, "best"), (2, "best"), (3, "middle")]
