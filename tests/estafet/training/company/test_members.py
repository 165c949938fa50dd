"""Who the members of an ensemble are."""

from __future__ import annotations

import random

import pytest

from estafet.errors import ConfigError
from estafet.runfile.space import Range
from estafet.runfile.steps import TrainSettings
from estafet.runfile.tasks import Task
from estafet.schema import Label, NumericFeature, Schema
from estafet.training.company import neighbourhood
from estafet.training.company.members import members_of, variant
from estafet.training.models import ModelSpec

NUMBERS = tuple(NumericFeature(name=n, mean=0, std=1, min=-1, max=1, missing_share=0) for n in "abcd")
SPEC = ModelSpec(Task.TABULAR_REGRESSION, Schema(numeric=NUMBERS, label=Label(name="p", mean=0, std=1)))
IMAGES = ModelSpec(Task.IMAGE_CLASSIFICATION, Schema(label=Label(name="l", classes=("x", "y"))), image_shape=(8, 8, 1))
FOUND = {"units": 64, "learning_rate": 0.01, "batch_size": 32}


def settings(by: str, *, task=Task.TABULAR_REGRESSION, model=None, **ensemble) -> TrainSettings:
    values = {"task": task, "seed": 7, "model": model or {}, "ensemble": {"by": by, **ensemble}}
    return TrainSettings.model_validate(values)


def members(by: str, num_folds: int = 0, spec=SPEC, **more):
    return members_of(
        settings(by, task=spec.task, **more), spec, FOUND, {**FOUND, "dropout": 0.2, "l2": 1e-3}, num_folds
    )


def test_by_seed_the_first_is_what_would_be_trained_without_the_others():
    found = members("seed", members=3.0)  # as Kubeflow hands whole numbers over

    assert [member.settings.seed for member in found] == [7, 8, 9]
    assert all(member.found == FOUND for member in found)
    assert [member.name for member in found] == ["member-1", "member-2", "member-3"]


def test_by_folds_each_leaves_another_one_out():
    assert [member.fold for member in members("folds", num_folds=4)] == [0, 1, 2, 3]
    assert [member.fold for member in members("folds", num_folds=4, members=2)] == [0, 1]


@pytest.mark.parametrize(("num_folds", "said"), [(0, "not divided into folds"), (2, "has 2 folds for 3 members")])
def test_folds_that_the_data_set_does_not_have_are_refused(num_folds, said):
    with pytest.raises(ConfigError, match=said) as caught:
        members("folds", num_folds=num_folds, members=3)

    assert "data.split.k_folds" in caught.value.hint


def test_by_features_each_member_sees_its_share():
    found = members("features", members=2, feature_share=0.5)

    assert [len(member.features) for member in found] == [2, 2]
    assert set(found[0].features) | set(found[1].features) == set("abcd")
    assert found[0].role == f"member 1 of 2, sees {' and '.join(found[0].features)}, seed 7"


def test_by_hyperparameters_the_first_has_what_was_found_and_the_others_are_near_it():
    """A quarter of the learning rates, 5e-4 to 2e-2, is a factor of 40 ** 0.25 = 2.51; units reach one further."""
    first, *others = members("hyperparameters", members=20, model={"hyperparameters": {"dropout": 0.1}})

    assert first.found == FOUND
    rates = [member.found["learning_rate"] for member in others]
    assert 0.01 / 2.52 < min(rates) < 0.008 and 0.0125 < max(rates) <= 0.02
    assert {member.found["units"] for member in others} == {32, 64, 128}
    assert all(member.found["batch_size"] == 32 and "dropout" not in member.found for member in others)


def test_by_architecture_the_run_files_own_comes_first_and_only_it_has_what_tune_found():
    found = members("architecture", model={"build": "mlp", "hyperparameters": {"units": 8, "learning_rate": 0.5}})

    assert [member.settings.model.build for member in found] == ["mlp", "wide_and_deep", "linear"]
    assert [member.found for member in found] == [FOUND, {}, {}]
    given = [member.settings.model.hyperparameters for member in found]
    assert given == [{"units": 8, "learning_rate": 0.5}, {"learning_rate": 0.5}, {"learning_rate": 0.5}]


def test_by_architecture_large_models_are_taken_only_when_they_are_named():
    assert [m.settings.model.build for m in members("architecture", spec=IMAGES)] == ["cnn", "resnet"]
    named = members("architecture", spec=IMAGES, builds=["resnet", "MobileNetV2"], members=3)
    assert [m.settings.model.build for m in named] == ["resnet", "MobileNetV2", "resnet"]
    assert [m.settings.seed for m in named] == [7, 8, 9]


def test_a_student_of_the_same_architecture_keeps_what_was_found_but_for_what_it_is_given():
    own, found = variant(settings("seed"), FOUND, "wide_and_deep", 9, {"units": 4})

    assert (own.seed, own.model.hyperparameters, found) == (9, {"units": 4}, FOUND)


def test_what_is_drawn_lies_in_its_range():
    space = {
        "a": Range(low=1, high=10, integer=True),
        "b": Range(choices=(1.0, 2, 3, 4)),
        "c": Range(low=1e-4, high=1, scale="log"),
    }
    generator = random.Random(0)
    drawn = [neighbourhood.draw(space, {"a": 10, "b": 1}, 0.2, generator) for _ in range(200)]

    assert {values["a"] for values in drawn} == {8, 9, 10}
    assert {values["b"] for values in drawn} == {1, 2}
    logs = [values["c"] for values in drawn]
    assert 1e-4 <= min(logs) < 1e-3 and 0.1 < max(logs) <= 1  # nothing was found: from the whole range
