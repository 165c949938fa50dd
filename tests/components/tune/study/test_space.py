"""What is searched: the run file's ranges or the model's own, and what is wrong with them, known before training."""

from __future__ import annotations

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from components.tune.study import space
from estafet.errors import ConfigError
from estafet.runfile.space import Range
from estafet.runfile.tasks import Task
from estafet.schema import Label, NumericFeature, Schema
from estafet.training.models import ModelSpec

FEATURE = NumericFeature(name="a", mean=0, std=1, min=-9, max=9, missing_share=0)
SPEC = ModelSpec(Task.TABULAR_CLASSIFICATION, Schema(numeric=(FEATURE,), label=Label(name="l", classes=("no", "yes"))))


def error_of(settings, spec=SPEC) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        space.distributions(settings, spec)
    return caught.value


def test_without_a_space_the_model_s_own_is_searched_in_the_order_of_names(settings):
    found = space.distributions(settings(), SPEC)

    assert list(found) == ["batch_size", "dropout", "l2", "layers", "learning_rate", "units"]
    assert found["learning_rate"] == FloatDistribution(3e-4, 1e-2, log=True)


def test_what_the_run_file_fixes_is_not_searched(settings):
    found = space.distributions(settings(fixed={"units": 64, "batch_size": 32}), SPEC)

    assert not {"units", "batch_size"} & set(found)


def test_a_range_of_the_run_file_is_searched_on_its_scale(settings):
    ranges = {"learning_rate": {"low": 1e-4, "high": 1e-1, "scale": "log"}, "dropout": {"low": 0, "high": 0.5}}

    found = space.distributions(settings(space=ranges), SPEC)

    assert found == {
        "dropout": FloatDistribution(0.0, 0.5),
        "learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
    }


def test_a_hyperparameter_that_is_a_whole_number_is_searched_in_whole_numbers(settings):
    found = space.distributions(settings(space={"units": {"low": 7.5, "high": 64.5, "scale": "log"}}), SPEC)

    assert found["units"] == IntDistribution(8, 64, log=True)


def test_whole_choices_that_arrive_as_floats_are_whole_and_stand_once(settings):
    found = space.distributions(settings(space={"units": {"choices": [16.0, 32, 32.0]}}), SPEC)

    assert found["units"] == CategoricalDistribution([16, 32])
    assert all(isinstance(choice, int) for choice in found["units"].choices)


def test_an_unknown_hyperparameter_is_answered_with_the_closest_that_the_model_has(settings):
    error = error_of(settings(space={"unitz": {"choices": [16, 32]}}))

    assert "'mlp' has no hyperparameter 'unitz'" in error.message
    assert error.hint == "did you mean 'units'?"


def test_an_unknown_fixed_hyperparameter_is_refused_too(settings):
    assert "no hyperparameter 'unitz'" in error_of(settings(fixed={"unitz": 3})).message


def test_the_user_s_own_model_may_take_any_hyperparameter(settings):
    found = space.distributions(settings(build="mine:model", space={"width": {"low": 0.5, "high": 2}}), SPEC)

    assert found == {"width": FloatDistribution(0.5, 2.0)}


@pytest.mark.parametrize(
    ("name", "range_", "said"),
    [
        ("units", {"choices": [0, 16]}, "'units' of 'mlp' must be a whole number of at least 1, not 0"),
        ("units", {"choices": ["wide", 16]}, "must be a whole number of at least 1, not 'wide'"),
        ("dropout", {"low": 0, "high": 1}, "and below 1, not 1"),
        ("l2", {"low": -1, "high": 1}, "must be a number of at least 0, not -1"),
        ("learning_rate", {"low": 0, "high": 0.1}, "learning_rate must be a number above 0"),
        ("learning_rate", {"choices": [True, 0.1]}, "learning_rate must be a number above 0"),
        ("batch_size", {"choices": [16, 24.5]}, "batch_size must be a whole number of at least 1"),
        ("batch_size", {"low": 0, "high": 64}, "batch_size must be a whole number of at least 1"),
    ],
)
def test_a_range_with_a_value_that_the_hyperparameter_cannot_take_is_refused(settings, name, range_, said):
    assert said in error_of(settings(space={name: range_})).message


def test_a_range_of_whole_numbers_that_holds_none_is_refused(settings):
    error = error_of(settings(space={"units": {"low": 16.2, "high": 16.8}}))

    assert error.message == "tune.space.units holds no whole number between 16.2 and 16.8."
    assert "{low: 16, high: 17}" in error.hint


def test_where_everything_is_fixed_it_says_what_to_take_out(settings):
    error = error_of(settings(fixed={"units": 64}, space={"units": {"choices": [16, 32]}}))

    assert error.message == "there is nothing left to search: model.hyperparameters fixes units."
    assert error.hint == "take units out of model.hyperparameters, or set tune.enabled: false."


def test_a_space_of_single_values_is_nothing_to_search(settings):
    error = error_of(settings(space={"units": {"choices": [64]}, "dropout": {"low": 0.2, "high": 0.2}}))

    assert "tune.space gives one value only for dropout, units" in error.message
    assert "tune.enabled: false" in error.hint


def test_defaults_are_the_model_s_and_the_training_s_and_what_is_fixed_wins(settings):
    found = space.defaults(settings(fixed={"units": 128.0, "learning_rate": 0.01}, batch_size=64), SPEC)

    assert found == {
        "units": 128, "layers": 2, "dropout": 0.2, "l2": 0.0, "learning_rate": 0.01, "batch_size": 64,
    }  # fmt: skip
    assert isinstance(found["units"], int)


def test_only_values_inside_their_ranges_are_kept():
    axes = {
        "units": CategoricalDistribution([16, 32]),
        "rate": FloatDistribution(0.1, 0.2),
        "layers": IntDistribution(1, 3),
        "bias": CategoricalDistribution([1, 2]),
    }

    assert space.inside(axes, {"units": 32, "rate": 0.5, "layers": 2.5, "bias": True, "other": 1}) == {"units": 32}


def test_a_space_is_described_in_the_run_file_s_words():
    axes = {
        "units": CategoricalDistribution([16, 32]),
        "rate": FloatDistribution(1e-3, 1e-1, log=True),
        "layers": IntDistribution(1, 3),
    }

    described = space.described(axes)

    assert described == {
        "units": {"choices": [16, 32]},
        "rate": {"low": 1e-3, "high": 1e-1, "scale": "log", "integer": False},
        "layers": {"low": 1, "high": 3, "scale": "linear", "integer": True},
    }
    again = {
        name: space.distribution(name, Range(**{**one, "choices": one.get("choices")}))
        for name, one in described.items()
    }
    assert again == axes
