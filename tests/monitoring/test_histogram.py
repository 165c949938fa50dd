"""Histograms of a drift report: bars for both sides, whose names never run into each other."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from monitoring.detection.baseline import Baseline, CategoricalBaseline, NumericBaseline
from monitoring.pages import histogram


def picture(png):
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def area(pixels_HWC, colour):
    """Return the number of pixels of a colour, the legend's left out."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((pixels_HWC[histogram.CEILING :] == wanted).all(axis=2).sum())


@pytest.fixture
def ages() -> Baseline:
    return NumericBaseline(np.linspace(20, 60, 1000))


def test_requests_as_in_training_cover_as_much_as_the_reference(ages):
    drawn = picture(histogram.draw(ages, ages.reference))

    reference, requests = area(drawn, histogram.REFERENCE_COLOUR), area(drawn, histogram.REQUEST_COLOUR)
    assert reference == pytest.approx(requests, rel=0.05)
    assert reference > 1000


def test_requests_that_are_all_equal_stand_in_one_bar(ages):
    drawn = picture(histogram.draw(ages, ages.profile(np.full(500, 59.9))))

    wanted = [int(histogram.REQUEST_COLOUR[i : i + 2], 16) for i in (1, 3, 5)]
    columns = np.flatnonzero((drawn[histogram.CEILING :] == wanted).all(axis=2).any(axis=0))
    num_bins = len(histogram.shares(ages, ages.reference)[0])
    assert columns.max() - columns.min() < (histogram.WIDTH - histogram.LEFT) / num_bins
    assert columns.min() > 0.9 * histogram.WIDTH


def test_a_column_with_long_strange_names_is_drawn_too():
    words = np.array(["çedilla and a very long name indeed", "日本", ""] * 30 + ["b"] * 40, dtype=object)
    baseline = CategoricalBaseline(words)

    drawn = picture(histogram.draw(baseline, baseline.profile(words)))

    assert drawn.shape == (histogram.HEIGHT, histogram.WIDTH, 3)


def test_a_column_of_which_nothing_can_be_used_is_drawn_empty(ages):
    drawn = picture(histogram.draw(ages, ages.profile(np.array([None, None], dtype=object))))

    assert area(drawn, histogram.REQUEST_COLOUR) == 0
