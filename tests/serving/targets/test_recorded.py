"""Comparing a candidate's answers with the expected ones."""

from __future__ import annotations

import math

import pytest

from estafet.errors import StepFailed
from estafet.release import Smoke
from serving.targets.recorded import compare, equal


@pytest.mark.parametrize(
    ("value", "expected", "same"),
    [
        (1.0005, 1.0, True),
        (1.002, 1.0, False),
        (1000.5, 1000, True),
        ([0.5, [0.25]], (0.5, [0.25]), True),
        ([0.5], [0.5, 0.5], False),
        (0.5, [0.5], False),
        ("cat", "cat", True),
        ("cat", "dog", False),
        (math.nan, math.nan, True),
        (True, 1.0, False),
        (None, 0.0, False),
    ],
)
def test_numbers_may_differ_by_the_tolerance_and_nothing_else_may(value, expected, same):
    assert equal(value, expected, 1e-3) is same


def test_the_compared_output_is_found_by_name_or_stands_alone():
    smoke = Smoke(instances=({"x": 1},), output="y", expected=(2.0,))

    compare(smoke, [{"y": 2.0, "z": 9}])
    compare(smoke, [2.0])
    with pytest.raises(StepFailed, match="y = None"):
        compare(smoke, [{"z": 2.0}])


def test_every_instance_needs_an_answer():
    smoke = Smoke(instances=({"x": 1}, {"x": 2}), output="y", expected=(2.0, 4.0))

    with pytest.raises(StepFailed, match="answered 1 predictions to 2 instances"):
        compare(smoke, [2.0])
