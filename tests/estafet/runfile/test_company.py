"""The ensemble and the student of a run file: what there cannot be is refused with the line."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from estafet.runfile import RunFile
from estafet.runfile.company import Distill
from estafet.runfile.steps import settings_for

TABLE = {"name": "a", "task": "tabular_classification", "data": {"source": "x"}}


def with_train(**train) -> dict:
    return {**TABLE, "train": train}


def test_nothing_of_it_is_told_to_a_step_unless_it_is_asked_for():
    assert not {"ensemble", "distill"} & set(settings_for("train", RunFile.model_validate(TABLE)))


def test_who_teaches_is_read_from_a_key_that_python_cannot_name():
    run = RunFile.model_validate(with_train(distill={"from": "model", "generations": 3.0}))

    assert run.train.distill.teacher == "model"
    assert settings_for("train", run)["distill"]["from"] == "model"
    assert Distill().teacher == "ensemble"


@pytest.mark.parametrize(
    ("change", "key", "message"),
    [
        ({"ensemble": {"by": "folds"}}, "train.ensemble.by", "not divided into any"),
        ({"distill": {}}, "train.distill", "there is no train.ensemble"),
        ({"distill": {"from": "model"}, "ensemble": {}}, "train.distill", "for nothing"),
        (
            {"ensemble": {"by": "architecture", "builds": ["mpl"]}},
            "train.ensemble.builds",
            "train.ensemble.builds is 'mpl'",
        ),
        ({"distill": {"from": "model", "build": "gru"}}, "train.distill.build", "is for forecasting"),
        ({"distill": {"from": "model", "build": "nets:small"}}, "train.distill.build", "not in the module"),
        ({"ensemble": {"builds": ["mlp"]}}, "train.ensemble", "this is by: seed"),
        ({"ensemble": {"members": 1}}, "train.ensemble.members", "greater than or equal to 2"),
        ({"ensemble": {"by": "architecture", "builds": ["a b"]}}, "train.ensemble.builds", "'a b' is neither"),
    ],
)
def test_what_there_cannot_be_is_refused_where_it_stands(change, key, message):
    with pytest.raises(ValidationError) as caught:
        RunFile.model_validate(with_train(**change))

    (problem,) = caught.value.errors()
    assert ".".join(map(str, problem["loc"])) == key
    assert message in problem["msg"]


def test_more_members_than_folds_are_refused_and_as_many_are_not():
    folds = {**TABLE, "data": {"source": "x", "split": {"k_folds": 3}}}

    assert RunFile.model_validate({**folds, "train": {"ensemble": {"by": "folds", "members": 3}}})
    with pytest.raises(ValidationError, match="k_folds is 3"):
        RunFile.model_validate({**folds, "train": {"ensemble": {"by": "folds", "members": 4}}})


def test_images_have_no_features_to_leave_out():
    images = {"name": "a", "task": "image_classification", "data": {"source": "x"}}

    with pytest.raises(ValidationError, match="images have none"):
        RunFile.model_validate({**images, "train": {"ensemble": {"by": "features"}}})


def test_a_students_function_may_stand_beside_that_of_the_model():
    change = with_train(distill={"from": "model", "build": "nets:small"})

    assert RunFile.model_validate({**change, "model": {"build": "nets:large"}})
