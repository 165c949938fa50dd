"""Profiles know what NumPy knows of all rows at once, whatever the batches, and stay small."""

from __future__ import annotations

import datetime
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.quality import word_counts
from components.ingest.quality.profile import NUM_SAMPLED, TableProfile
from components.ingest.quality.word_counts import WordCounts


def profile_of(*batches):
    profile = TableProfile()
    for batch in batches:
        profile.add(pa.record_batch(batch) if isinstance(batch, dict) else batch)
    return profile


def test_numbers_are_summed_up_as_numpy_does_over_all_rows():
    values_N = np.random.default_rng(1).normal(1e6, 3, 10_000)

    found = profile_of(*({"x": part} for part in np.split(values_N, [1, 17, 5000]))).columns["x"]

    assert (found.count, found.num_missing, found.num_values, found.num_infinite) == (10_000, 0, 10_000, 0)
    assert (found.min, found.max) == (values_N.min(), values_N.max())
    assert found.mean == pytest.approx(values_N.mean(), rel=1e-12)
    assert found.std == pytest.approx(values_N.std(), rel=1e-9)


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.float16()], ids=str)
def test_null_and_nan_are_missing_and_infinities_count_apart(kind):
    values = pa.array([1.0, None, math.nan, math.inf, -math.inf, 4.0], pa.float64()).cast(kind)

    found = profile_of({"x": values}).columns["x"]

    assert (found.count, found.num_missing, found.num_infinite, found.num_values) == (6, 2, 2, 2)
    assert (found.min, found.max, found.mean, found.std) == (1.0, 4.0, 2.5, 1.5)
    assert sorted(found.sample) == [1.0, 4.0]


@pytest.mark.filterwarnings("error")
def test_infinities_of_both_signs_are_summed_up_without_a_warning():
    assert profile_of({"x": pa.array([math.inf, -math.inf, 4.0])}).columns["x"].num_infinite == 2


def test_integers_keep_all_their_digits():
    found = profile_of({"x": pa.array([2**62 + 1, None, -5])}).columns["x"]

    assert (found.min, found.max, found.type) == (-5, 2**62 + 1, "integer")


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (pa.array([1.0, None, 3.0]), "number"),
        (pa.array([1, 2]), "integer"),
        (pa.array([None, None], pa.null()), "number"),
        (pa.array([True, False, None]), "boolean"),
        (pa.array(["a", "b", "a"]), "category"),
        (pa.array(["a", "b", "a"]).dictionary_encode(), "category"),
        (pa.array(["a", "b", "c"]), "text"),
        (pa.array(["b"] * 9 + [f"w{i}" for i in range(100)]), "text"),
        (pa.array(["x" * 300, "b", "b"]), "text"),
        (pa.array([datetime.date(2026, 1, 2)]), "time"),
        (pa.array([[1], [2]]), "other"),
    ],
    ids=lambda value: str(getattr(value, "type", value)),
)
def test_the_type_of_a_column(values, type_):
    assert profile_of({"x": values}).columns["x"].type == type_


def test_the_schema_holds_what_was_seen(tmp_path):
    schema = profile_of(
        {
            "age": pa.array([30, 41, None]),
            "weight": [60.123456789, 70.5, 80.987654321],
            "sex": ["m", "f", "m"],
            "day": ["2026-01-01", "2026-01-02", "2026-01-01"],
            "unused": [1, 2, 3],
        }
    ).source_schema(["age", "weight", "sex", "day"], time="day")

    assert {name: column.model_dump(exclude_none=True) for name, column in schema.columns.items()} == {
        "age": {"type": "integer", "min": 30, "max": 41, "max_missing_share": 0.3334},
        "weight": {"type": "number", "min": 60.1234, "max": 80.9877, "max_missing_share": 0.0},
        "sex": {"type": "category", "categories": ("f", "m"), "max_missing_share": 0.0},
        "day": {"type": "time", "max_missing_share": 0.0},
    }


def test_empty_words_are_missing():
    found = profile_of({"x": ["", None, "a", "a"]}).columns["x"]

    assert (found.num_missing, found.num_distinct, found.top) == (2, 1, [("a", 2)])


def test_a_slice_of_a_column_is_no_other_column():
    """The bitmap of what is null starts anywhere in a byte."""
    batch = pa.record_batch({"x": pa.array([None if i % 3 else i for i in range(100)])})

    found = profile_of(batch.slice(13, 40)).columns["x"]

    assert (found.count, found.num_missing, found.min, found.max) == (40, 27, 15, 51)


parts = st.lists(
    st.lists(st.tuples(st.none() | st.integers(-1000, 1000), st.none() | st.sampled_from("abcde")), min_size=1),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=40)
@given(parts=parts, data=st.data())
def test_merging_profiles_in_any_order_is_as_good_as_one_profile(parts, data):
    kinds = pa.schema({"x": pa.int64(), "w": pa.string()})
    batches = [pa.RecordBatch.from_pylist([{"x": x, "w": w} for x, w in rows], kinds) for rows in parts]
    whole = profile_of(*batches)
    merged = TableProfile()
    for i in data.draw(st.permutations(range(len(batches)))):
        merged.merge(profile_of(batches[i]))

    for name in ("x", "w"):
        one, other = whole.columns[name], merged.columns[name]
        for exact in ("count", "num_missing", "num_values", "min", "max", "type", "top", "num_distinct"):
            assert getattr(one, exact) == getattr(other, exact)
        assert one.mean == pytest.approx(other.mean, rel=1e-9, abs=1e-9, nan_ok=True)
        assert one.std == pytest.approx(other.std, rel=1e-9, abs=1e-9, nan_ok=True)
    assert whole.source_schema() == merged.source_schema()
    assert sorted(whole.columns["x"].sample) == sorted(merged.columns["x"].sample)


def test_the_sample_is_even_and_the_same_however_the_rows_are_cut():
    values_N = np.arange(60_000.0)
    whole = profile_of({"x": values_N}).columns["x"].sample
    cut = profile_of(*({"x": part} for part in np.split(values_N, [1000, 5000, 5001, 40_000]))).columns["x"].sample

    assert sorted(whole) == sorted(cut)
    assert len(whole) == NUM_SAMPLED
    # A third of 4,096 is 1,365, and five standard deviations of the binomial distribution are 151.
    for third in np.histogram(whole, 3, (0, 60_000))[0]:
        assert abs(third - 1365) < 151


def test_a_profile_that_is_only_for_a_schema_keeps_no_sample():
    batch = pa.record_batch({"x": np.arange(100.0)})
    profile = TableProfile(num_sampled=0)
    profile.add(batch)
    profile.merge(profile_of())

    assert len(profile.columns["x"].sample) == 0
    assert profile.source_schema() == profile_of(batch).source_schema()


def test_many_different_words_are_counted_within_the_bound_in_little_memory(monkeypatch):
    """Each count is at most 1/100 of all words too low, never too high, and no frequent word is forgotten."""
    monkeypatch.setattr(word_counts, "MAX_EXACT", 100)
    draw = np.random.default_rng(3)
    words_N = np.where(draw.random(20_000) < 0.3, draw.integers(0, 10, 20_000), draw.integers(10, 10**9, 20_000))
    true = dict(zip(*np.unique(words_N.astype(str), return_counts=True), strict=True))
    counts, largest = WordCounts(), 0

    for part in np.split(words_N, 20):
        counts.add(pa.array(part.astype(str).tolist()))
        largest = max(largest, len(counts))

    assert not counts.is_exact
    assert largest <= 2 * 100
    assert {word for word, _ in counts.top(10)} == {str(i) for i in range(10)}
    for word, count in counts.top():
        assert true[word] - 20_000 / 100 <= count <= true[word]


def rare_words(num, name):
    return [f"{name} {i}" for i in range(num)]


def test_a_word_that_begins_late_and_is_frequent_is_not_forgotten(monkeypatch):
    """Of 30,000 words 1,000 are the same one; after 20,000 others, it may be counted too low by 300."""
    monkeypatch.setattr(word_counts, "MAX_EXACT", 100)
    counts = WordCounts()
    for batch in range(20):
        counts.add(pa.array(rare_words(1000, batch)))
    for batch in range(10):
        counts.add(pa.array(["late"] * 100 + rare_words(900, f"more {batch}")))

    ((word, count),) = counts.top(1)
    assert word == "late"
    assert 1000 - 300 <= count <= 1000


def test_merged_counts_of_many_words_keep_the_bound(monkeypatch):
    """Of 21,000 words 250 are the same one, 1 in 84; one counter had to forget it, and the bound is 1 in 100."""
    monkeypatch.setattr(word_counts, "MAX_EXACT", 100)
    first, second = WordCounts(), WordCounts()
    for batch in range(10):
        first.add(pa.array(["often"] * 15 + rare_words(985, batch)))
        second.add(pa.array(["often"] * 10 + rare_words(990, -batch - 1)))
    assert second.top() == []

    first.merge(second)
    first.add(pa.array(rare_words(1000, "last")))

    assert first.num_seen == 21_000
    assert first.top() == [("often", 150)]
