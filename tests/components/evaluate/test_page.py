"""The page of an evaluation: which forecasts it draws."""

from __future__ import annotations

import numpy as np
import pytest

from components.evaluate import page
from estafet.metrics import Outcome
from estafet.records.manifest import Manifest, Segment, Split, WindowSpec
from estafet.runfile.tasks import Task
from estafet.schema import Label, NumericFeature, Schema


@pytest.fixture
def outcome():
    """Seven windows, of which the forecasts say which they are."""
    numbers = np.arange(7.0)[:, None].repeat(2, axis=1)
    return Outcome(Task.FORECASTING, numbers, numbers, numbers)


def manifest(**num_steps):
    """Return a manifest whose test split has so many steps of each series, three of them to look back on."""
    load = NumericFeature(name="load", mean=0, std=1, min=0, max=1, missing_share=0)
    segments = [Segment(key=(key,), num_steps=num, num_context_steps=3) for key, num in num_steps.items()]
    test = Split(num_examples=sum(num_steps.values()), shards=(), segments=tuple(segments))
    return Manifest(
        task=Task.FORECASTING,
        version="v",
        splits={"test": test},
        data_schema=Schema(numeric=(load,), label=Label(name="load"), time="hour"),
        window=WindowSpec(lookback=3, horizon=2, stride=1, season=1),
    )


def test_of_several_series_one_is_drawn_and_named(outcome):
    """Six steps make 6 - 3 - 2 + 1 = 2 windows; four make none, as one takes five."""
    shown, which = page._first_series(outcome, manifest(east=4, north=6, south=9))

    assert shown.predictions[:, 0].tolist() == [0, 1]
    assert which == "; 'north' is one of 3 series"


def test_a_single_series_is_drawn_whole(outcome):
    assert page._first_series(outcome, manifest(north=11)) == (outcome, "")
