"""What `auto` becomes and why, which points come first, and that samplers keep to bounds."""

from __future__ import annotations

import importlib.util

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from components.tune.running.marks import EARLIER
from components.tune.study import sampling
from components.tune.study.testing import TOY, loss, try_out
from estafet.errors import ConfigError

FOUR_BY_THREE = {"a": IntDistribution(1, 4), "b": CategoricalDistribution([1, 2, 3])}
CONTINUOUS = {f"x{number}": FloatDistribution(0, 1) for number in range(12)}
MANY = {name: CONTINUOUS[name] for name in list(CONTINUOUS)[:12]}
FEW = {name: CONTINUOUS[name] for name in list(CONTINUOUS)[:11]}


@pytest.mark.parametrize(
    ("distributions", "trials", "wanted", "why"),
    [
        (FOUR_BY_THREE, 12, "grid", "12 points, and there are 12 trials"),
        (FOUR_BY_THREE, 11, "tpe", "no grid holds them"),
        ({"rate": FloatDistribution(0, 1)}, 1000, "tpe", "1 hyperparameters"),
        (FEW, 12, "tpe", "11 hyperparameters"),
        (MANY, 23, "staged", "12 hyperparameters are many for 23 trials"),
        (MANY, 24, "tpe", "12 hyperparameters"),
    ],
)
def test_auto_is_the_grid_where_it_fits_staged_where_there_are_many_and_else_tpe(
    settings, distributions, trials, wanted, why
):
    search, said = sampling.chosen_search(settings(trials=trials), distributions)

    assert search == wanted
    assert why in said


@pytest.mark.parametrize("search", ["grid", "random", "staged", "tpe"])
def test_what_is_asked_for_is_taken(settings, search):
    assert sampling.chosen_search(settings(search=search), TOY) == (search, f"{search} was asked for")


def test_a_gaussian_process_without_pytorch_says_what_to_install(settings, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else object())

    with pytest.raises(ConfigError, match="gp, which needs PyTorch;") as caught:
        sampling.chosen_search(settings(search="gp"), TOY)

    assert "pip install torch" in caught.value.hint


@pytest.mark.parametrize("search", ["random", "staged", "tpe"])
def test_every_sampler_finds_something_better_than_the_defaults(settings, search):
    """The default rate of 1e-4 with 1 layer of 16 units loses 4 + 1.6 + 0.1."""
    chosen = settings(search=search, trials=30)
    study = optuna.create_study(sampler=sampling.sampler(search, chosen, 0, 0))
    sampling.enqueue(study, sampling.first_points(search, chosen, TOY, {"layers": 1, "rate": 1e-4, "units": 16}))

    try_out(study, 30)

    assert study.trials[0].value == pytest.approx(5.7)
    assert study.best_value < 0.5


def test_tpe_keeps_to_a_constraint_that_trials_tell_of(settings):
    """With at most 3 layers allowed, few of the last trials have more, though 5 would be best."""

    def run(constrained: bool) -> list[int]:
        study = optuna.create_study(sampler=sampling.sampler("tpe", settings(trials=60), 0, 0))
        for _ in range(60):
            trial = study.ask()
            layers = trial.suggest_int("layers", 1, 8)
            if constrained:
                trial.set_constraint("layers <= 3", layers - 3)
            study.tell(trial, (layers - 5) ** 2)
        return [trial.params["layers"] for trial in study.trials[30:]]

    assert sum(layers <= 3 for layers in run(True)) > 2 * sum(layers <= 3 for layers in run(False))


def test_the_first_point_is_the_defaults_as_far_as_they_are_in_their_ranges(settings):
    points = sampling.first_points("tpe", settings(), TOY, {"layers": 3, "rate": 5.0, "units": 64, "other": 1})

    assert points == [{"layers": 3, "units": 64}]


def test_the_points_of_a_grid_come_first_and_each_once(settings):
    chosen = settings(trials=12)
    points = sampling.first_points("grid", chosen, FOUR_BY_THREE, {"a": 2, "b": 3})
    study = optuna.create_study(sampler=sampling.sampler("grid", chosen, 0, 0))

    assert sampling.enqueue(study, points) == 12
    assert sampling.enqueue(study, points) == 0  # a process that goes on
    tried = try_out(study, 12, FOUR_BY_THREE, lambda params: 0.0)

    assert tried == points
    assert points[0] == {"a": 2, "b": 3}
    assert len({tuple(point.items()) for point in points}) == 12


def test_a_grid_whose_defaults_are_outside_of_it_does_without_them(settings):
    points = sampling.first_points("grid", settings(trials=12), FOUR_BY_THREE, {"a": 9, "b": 3})

    assert len(points) == 12


def test_a_point_that_only_an_earlier_study_tried_is_tried_here_too():
    study = optuna.create_study()
    earlier = optuna.create_trial(
        params={"x": 0.5}, distributions={"x": FloatDistribution(0, 1)}, value=1.0, user_attrs={EARLIER: 0}
    )
    study.add_trial(earlier)

    assert sampling.enqueue(study, [{"x": 0.5}, {}]) == 1


def test_the_toy_is_least_where_it_says():
    assert loss({"rate": 1e-2, "layers": 5, "units": 32}) == 0
