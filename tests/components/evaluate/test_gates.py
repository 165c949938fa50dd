"""A gate includes its bounds, and what cannot be computed does not pass."""

from __future__ import annotations

import pytest

from components.evaluate import gates
from estafet.runfile.evaluate import Gate


@pytest.mark.parametrize(
    ("gate", "value", "passed"),
    [
        (Gate(min=0.9), 0.9, True),
        (Gate(min=0.9), 0.8999, False),
        (Gate(max=3), 3.0, True),
        (Gate(max=3), 3.1, False),
        (Gate(min=1, max=2), 1.5, True),
        (Gate(min=1, max=2), 2.5, False),
    ],
)
def test_bounds_are_included(gate, value, passed):
    (result,) = gates.check({"mae": gate}, {"mae": value})

    assert result.passed is passed
    assert result.value == value


def test_a_metric_that_could_not_be_computed_does_not_pass():
    (result,) = gates.check({"roc_auc": Gate(min=0.5)}, {"accuracy": 1.0})

    assert not result.passed
    assert str(result) == "roc_auc not computable"


def test_a_failed_gate_says_which_bound_it_broke():
    below, above = gates.check({"accuracy": Gate(min=0.95), "mae": Gate(min=0, max=2)}, {"accuracy": 0.93, "mae": 2.5})

    assert (str(below), str(above)) == ("accuracy 0.93 < 0.95", "mae 2.5 > 2")
