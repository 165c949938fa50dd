"""Which trainings are compared, and with which learning rates."""

from __future__ import annotations

import pytest

from components.train.batch_sizes.candidates import candidates_of, check_sizes, parse_sizes, usual_sizes
from estafet.errors import ConfigError
from estafet.runfile.batch import Batch
from estafet.runfile.steps import TrainSettings


def _settings(batch, hyperparameters=None, **train) -> TrainSettings:
    model = {"hyperparameters": hyperparameters or {}}
    return TrainSettings.model_validate({"task": "tabular_regression", "model": model, "batch": batch, **train})


def _in_short(candidates):
    return [(one.name, one.kind, one.settings.batch.start, one.settings.batch.limit) for one in candidates]


def test_sizes_are_compared_in_their_order_and_the_schedule_after_them():
    found = candidates_of(_settings({"start": 32, "limit": 128}), (256, 64))

    assert _in_short(found) == [
        ("64", "fixed", 64, 64),
        ("256", "fixed", 256, 256),
        ("32 → 128", "schedule", 32, 128),
    ]


def test_a_run_file_with_one_size_has_it_compared_once_and_no_schedule():
    assert [one.name for one in candidates_of(_settings(64), (32, 128))] == ["32", "64", "128"]
    assert [one.name for one in candidates_of(_settings(64), (32, 64))] == ["32", "64"]


def test_auto_begins_at_the_run_files_first_size_which_its_rate_belongs_to():
    usual = Batch.model_validate("auto").limit

    assert _in_short(candidates_of(_settings({"start": 16, "limit": 128}), (32,), with_auto=True))[2:] == [
        ("auto", "auto", 16, usual)
    ]
    assert _in_short(candidates_of(_settings(64), (32, 512), with_auto=True))[3:] == [("auto", "auto", 64, usual)]


def test_a_run_file_that_says_auto_has_it_compared_as_it_stands_there_and_once():
    own = {"when": "auto", "start": 16, "limit": 256}

    found = candidates_of(_settings(own), (32,), with_auto=True)

    assert _in_short(found) == [("32", "fixed", 32, 32), ("auto", "auto", 16, 256)]


@pytest.mark.parametrize("rule, rates", [("none", [0.1, 0.1]), ("sqrt", [0.05, 0.2]), ("linear", [0.025, 0.4])])
def test_the_rate_follows_the_size_from_the_run_files_first_one(rule, rates):
    """From 0.1 at 32: 8 is a quarter of it, 128 four times as much."""
    found = candidates_of(_settings({"start": 32, "limit": 64}, learning_rate=0.1), (8, 128), rule=rule)

    assert [one.settings.learning_rate for one in found] == pytest.approx([*rates, 0.1])


def test_hyperparameters_of_the_model_win_for_the_schedule_and_give_way_for_a_size():
    given = {"batch_size": 16, "learning_rate": 0.2, "units": 8}
    found = candidates_of(_settings({"start": 32, "limit": 64}, given), (64,), rule="linear")

    assert found[0].settings.learning_rate == pytest.approx(0.8)
    assert found[0].settings.model.hyperparameters == {"units": 8}
    assert (found[1].name, found[1].settings.model.hyperparameters) == ("16 → 64", given)


def test_all_train_to_the_end_and_leave_no_logs():
    found = candidates_of(_settings(32, early_stopping_patience=3, tensorboard=True), (64,))

    assert {(one.settings.early_stopping_patience, one.settings.tensorboard) for one in found} == {(None, False)}


@pytest.mark.parametrize(
    "text, words",
    [
        ("32,many", "'many' is not a whole number"),
        ("32,", "'' is not a whole number"),
        ("32,1.5", "'1.5' is not a whole number"),
        ("0", "holds 0, and a batch has at least 1 example"),
        ("32,-4", "holds -4"),
        ("32,64,32", "holds 32 twice"),
    ],
)
def test_sizes_that_are_none_are_refused(text, words):
    with pytest.raises(ConfigError, match=words):
        parse_sizes(text)


def test_sizes_are_read_with_spaces_too():
    assert parse_sizes("32, 64,128") == (32, 64, 128)


def test_a_size_that_the_training_split_cannot_fill_is_refused():
    check_sizes((32, 100), 100)
    with pytest.raises(ConfigError, match="holds 128, and the training split has 100 examples") as caught:
        check_sizes((32, 128), 100)
    assert caught.value.hint == "give sizes up to 100."
    with pytest.raises(ConfigError, match="20% of the training split has 20 examples"):
        check_sizes((32,), 20, share=0.2)


def test_without_sizes_those_are_compared_that_the_data_can_fill():
    assert usual_sizes(100_000) == (32, 64, 128, 256, 512)
    assert usual_sizes(200) == (32, 64, 128)
    assert usual_sizes(20) == (20,)
