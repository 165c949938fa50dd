"""When candidates end early, and how many epochs the furthest have."""

from __future__ import annotations

import pytest

from components.tune.objective import Objective
from components.tune.proof.halving import Race, num_epochs, race_for
from estafet.runfile.tasks import Task
from estafet.runfile.tune import Tune


def rungs(**tune) -> tuple[int, ...]:
    settings = Tune.model_validate(tune)
    return race_for(settings, Objective.of(settings, Task.TABULAR_REGRESSION)).rungs


@pytest.mark.parametrize(
    ("epochs", "expected"), [(1, (1,)), (5, (1, 2)), (12, (1, 2, 4)), (30, (2, 5, 10)), (36, (3, 6, 12))]
)
def test_the_furthest_have_a_third_of_the_epochs_and_rungs_at_a_quarter_and_half_of_it(epochs, expected):
    assert rungs(epochs=epochs) == expected


def test_epochs_that_are_asked_for_are_those_of_the_furthest():
    assert rungs(epochs=12, proof={"epochs": 12}) == (3, 6, 12)


def test_without_halving_all_have_all_epochs_of_a_trial():
    assert rungs(epochs=12, proof={"halving": False}) == (12,)
    assert rungs(epochs=12, proof={"halving": False, "epochs": 3}) == (3,)


@pytest.mark.parametrize(
    "optimise",
    [
        {"metric": "parameters"},
        [{"metric": "rmse"}, {"metric": "seconds"}],
        [{"metric": "rmse", "weight": 1}, {"metric": "seconds", "weight": 1}],
    ],
)
def test_what_is_known_at_the_end_only_has_no_rungs_before_it(optimise):
    assert rungs(epochs=12, optimise=optimise) == (4,)


def test_of_rungs_the_epochs_on_the_largest_share_count():
    settings = Tune.model_validate({"rungs": [{"share": 0.5, "epochs": 2}, {"epochs": 4}, {"epochs": 8}]})

    assert num_epochs(settings) == 12


def test_a_candidate_ends_at_the_first_rung_at_which_one_before_it_was_better():
    """The first has 5, 4 and 2 at the rungs; one is compared with the best of its own epochs so far."""
    race = Race((1, 2, 4), maximised=False)
    race.add([5, 4, 3, 2])

    assert race.ends([6])
    assert not race.ends([4.5])
    assert race.ends([4.5, 4.2])
    assert not race.ends([4.5, 3.9])
    assert not race.ends([3.9, 9])


def test_of_what_is_maximised_less_ends():
    race = Race((1, 4), maximised=True)
    race.add([0.8, 0.8, 0.8, 0.9])

    assert race.ends([0.7])
    assert not race.ends([0.81])


def test_between_rungs_none_ends_and_at_the_last_all_do():
    race = Race((1, 2, 4), maximised=False)
    for _ in range(3):
        race.add([1, 1, 1, 1])

    assert not race.ends([9, 9, 9])
    assert race.ends([0, 0, 0, 0])


def test_a_curve_that_was_kept_is_over_where_it_would_have_ended():
    race = Race((1, 2, 4), maximised=False)
    race.add([1, 1, 1, 1])
    race.add([1, 1])

    assert race.is_over([2])
    assert race.is_over([2, 0.5])
    assert not race.is_over([0.5, 0.5])
    assert race.is_over([0.5, 0.5, 0.5, 0.5])
