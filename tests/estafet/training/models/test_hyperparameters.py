"""What hyperparameters an architecture takes, and what it says to others."""

from __future__ import annotations

import pytest

from estafet.errors import ConfigError
from estafet.runfile.tasks import Task
from estafet.training.models import catalogue
from estafet.training.models.hyperparameters import merge

PATCHTST = catalogue.find(Task.FORECASTING, "patchtst")


def test_what_is_given_wins_over_the_defaults():
    assert merge(PATCHTST, {"units": 7, "mix_channels": False}) == {
        "patch": 16, "units": 7, "heads": 4, "layers": 2, "dropout": 0.1, "mix_channels": False,
    }  # fmt: skip


def test_an_unknown_one_is_named_with_the_architecture_and_its_neighbour():
    with pytest.raises(ConfigError, match="'patchtst' has no hyperparameter 'head'; it has patch, units") as caught:
        merge(PATCHTST, {"head": 2})

    assert caught.value.hint == "did you mean 'heads'?"


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("units", 0, "a whole number of at least 1"),
        ("units", 2.5, "a whole number of at least 1"),
        ("units", True, "a whole number of at least 1"),
        ("dropout", 1, "a number of at least 0 and below 1"),
        ("dropout", -0.1, "a number of at least 0 and below 1"),
        ("mix_channels", 1, "true or false"),
    ],
)
def test_an_impossible_value_is_answered_with_what_it_must_be(name, value, wanted):
    with pytest.raises(ConfigError, match=f"'{name}' of 'patchtst' must be {wanted}, not {value}") as caught:
        merge(PATCHTST, {name: value})

    assert "write one such as" in caught.value.hint


def test_none_may_be_missing_where_none_is_a_meaning_of_its_own():
    """The default forecaster has no hidden layer: 0 units."""
    assert merge(catalogue.find(Task.FORECASTING, "default"), {"units": 0})["units"] == 0
