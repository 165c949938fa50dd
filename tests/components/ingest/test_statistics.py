"""Statistics that are gathered piece by piece are those of the whole."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.statistics import NumericStatistics, WordStatistics


def table():
    """A large offset, a column with gaps, whole numbers, a constant, and a column without any value."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(30_000, 5))
    values[:, 0] += 1e6
    values[rng.random(30_000) < 0.3, 1] = np.nan
    values[:, 2] = rng.integers(-5, 6, 30_000)
    values[:, 3] = 7
    values[:, 4] = np.nan
    return values


@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(0, 30_000), max_size=5))
def test_pieces_of_any_size_give_the_statistics_of_the_whole(cuts):
    values = table()
    found = NumericStatistics(5)
    for piece in np.split(values, sorted(cuts)):
        other = NumericStatistics(5)
        other.add(piece)
        found.merge(other)

    *described, empty = found.features(["a", "b", "c", "d", "e"])

    for feature, column in zip(described, values.T, strict=False):
        assert feature.mean == pytest.approx(np.nanmean(column), rel=1e-12, abs=1e-12)
        assert feature.std == pytest.approx(np.nanstd(column), rel=1e-9, abs=1e-12)
        assert (feature.min, feature.max) == (np.nanmin(column), np.nanmax(column))
        assert feature.missing_share == pytest.approx(np.isnan(column).mean(), abs=1e-12)
    assert [feature.is_integer for feature in described] == [False, False, True, True]
    assert (empty.mean, empty.std, empty.min, empty.max, empty.missing_share) == (0, 0, 0, 0, 1)


def test_a_column_is_whole_only_if_its_last_number_is():
    found = NumericStatistics(1)
    found.add(np.r_[np.arange(20_000), 0.5][:, None])

    assert not found.features(["a"])[0].is_integer


def test_words_are_ordered_by_frequency_and_then_by_name():
    found, other = WordStatistics(), WordStatistics()
    found.add(pa.array(["b", "a", "", "ż", "ż"]))
    other.add(pa.array(["a", "", "b"]))
    found.merge(other)

    feature = found.feature("w")

    assert feature.categories == ("a", "b", "ż")
    assert feature.missing_share == 2 / 8


def test_a_column_of_countless_words_keeps_the_frequent_ones(monkeypatch):
    """A thousand words seen once each, five at a time, and two that come back in each batch."""
    monkeypatch.setattr("components.ingest.statistics.MAX_COUNTED_WORDS", 100)
    found = WordStatistics()
    for batch in range(200):
        found.add(pa.array([*(f"{batch}-{i}" for i in range(5)), "often", "often", "sometimes"]))

    assert found.feature("w").categories[:2] == ("often", "sometimes")
    assert len(found.feature("w").categories) <= 105


def test_nor_do_many_buckets_of_different_words_add_up(monkeypatch):
    """Each bucket holds fewer words than may be counted, and all of them together ten times as many."""
    monkeypatch.setattr("components.ingest.statistics.MAX_COUNTED_WORDS", 100)
    found = WordStatistics()
    for bucket in range(20):
        other = WordStatistics()
        other.add(pa.array([*(f"{bucket}-{i}" for i in range(50)), "often", "often"]))
        found.merge(other)

    assert found.feature("w").categories[0] == "often"
    assert len(found.feature("w").categories) <= 100
