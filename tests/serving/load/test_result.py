"""A measurement in numbers, from samples written by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from serving.load.measuring import Measured, Sample
from serving.load.plan import Plan
from serving.load.plot import plot
from serving.load.result import percentiles, summarise


def test_percentiles_are_values_that_occurred():
    """Of 1 to 1000 the nearest ranks are 500, 900, 990 and 999."""
    found = percentiles(np.arange(1000, 0, -1.0))

    assert found == {"p50": 500, "p90": 900, "p99": 990, "p99.9": 999, "max": 1000, "mean": 500.5}


def test_one_value_is_every_percentile():
    assert set(percentiles(np.array([7.0])).values()) == {7.0}
    assert percentiles(np.array([])) == {}


@pytest.fixture
def measured() -> Measured:
    """Two answers in the first second after a warm-up of 1 s, and a failure and a late answer in the second."""
    samples = [
        Sample(1.0, 1.0, 1.1),
        Sample(1.5, 1.7, 1.8),
        Sample(2.0, 2.0, 2.0, "UNAVAILABLE"),
        Sample(2.5, 2.5, 5.0),
    ]
    return Measured(Plan(2, rate=2, duration_s=2, warm_up_s=1), samples, 0.1)


def test_a_measurement_is_summed_up(measured):
    """Three answers in the 4 s from the warm-up to the last; latencies of 100, 300 and 2500 ms."""
    result = summarise(measured)

    assert (result.num_requests, result.num_answered, result.failures) == (4, 3, {"UNAVAILABLE": 1})
    assert result.requests_per_s == pytest.approx(3 / 4)
    assert result.error_rate == pytest.approx(1 / 4)
    assert (result.latencies_ms["p50"], result.latencies_ms["max"]) == pytest.approx((300, 2500))
    assert result.waited_ms["max"] == pytest.approx(200)
    assert [(row["second"], row["answered"], row["failed"]) for row in result.by_second] == [(0, 2, 0), (1, 1, 1)]
    assert json.loads(json.dumps(result.as_json()))["by_second"][1]["p99"] == pytest.approx(2500)


def test_what_stands_between_the_numbers_and_the_server_is_said(measured):
    assert summarise(measured).warnings() == []
    busy = Measured(measured.plan, [Sample(1.0, 1.9, 2.0)], 0.99)
    said = " ".join(summarise(busy).warnings())
    assert "kept 0.99 processors busy" in said
    assert "sent up to 900 ms late" in said


def test_nothing_answered_is_an_error_rate_of_one():
    result = summarise(Measured(Plan(), [], 0.0))

    assert (result.error_rate, result.requests_per_s, result.latencies_ms) == (1, 0, {})


@pytest.mark.parametrize("answered", [True, False])
def test_it_is_drawn(measured, tmp_path, answered):
    shown = measured if answered else Measured(measured.plan, measured.samples[2:3], 0.1)

    plot(shown, summarise(shown), "m", tmp_path / "load.png")

    assert (tmp_path / "load.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
