"""A row's digest hangs on its values and on nothing else."""

import numpy as np
import pyarrow as pa
import pytest

from components.ingest.rows.digest import RowDigest, word_number, word_numbers

LABELS = np.zeros(4, np.uint64)


def digest(columns, words=None, labels=None, seed=0):
    """Digest a table of numeric columns and columns of words."""
    words = words or {}
    matrix = np.stack([np.asarray(values, np.float32) for values in columns.values()], axis=1)
    labels = np.zeros(len(matrix), np.uint64) if labels is None else np.asarray(labels, np.uint64)
    made = RowDigest(tuple(columns), tuple(words), "y", seed)
    return made.digests(matrix, [word_numbers(pa.array(texts)) for texts in words.values()], labels)


def test_the_order_of_the_columns_does_not_count():
    a, b, w = [1, 2, 3, 4], [5, 6, 7, 8], ["x", "y", "", "ż"]

    assert (digest({"a": a, "b": b}, {"w": w}) == digest({"b": b, "a": a}, {"w": w})).all()


def test_nor_does_a_column_without_values():
    """A column that begins empty takes its type from later rows; the old ones must not move by it."""
    plain = digest({"a": [1, 2]})

    assert (digest({"a": [1, 2], "b": [np.nan, np.nan]}) == plain).all()
    assert (digest({"a": [1, 2]}, {"w": ["", None]}) == plain).all()


def test_each_value_and_the_column_that_holds_it_counts():
    values = [
        digest({"a": [1], "b": [2]}),
        digest({"a": [2], "b": [1]}),
        digest({"a": [1], "b": [np.nan]}),
        digest({"a": [1], "b": [0]}),
        digest({"a": [1], "b": [2]}, {"w": ["x"]}),
        digest({"a": [1], "b": [2]}, {"w": ["y"]}),
        digest({"a": [1], "b": [2]}, labels=[1]),
        digest({"a": [1], "b": [2]}, seed=1),
    ]

    assert len({value.tobytes() for value in values}) == len(values)


def test_a_million_rows_of_small_numbers_have_a_million_digests_that_fill_the_range():
    """All pairs of numbers below 1,000: no two collide, and a tenth lies in each tenth of the range (σ = 300)."""
    a, b = np.divmod(np.arange(1_000_000), 1000)

    found = digest({"a": a, "b": b})

    assert len(np.unique(found, axis=0)) == 1_000_000
    for lane in found.T:
        counts = np.histogram(lane / 2.0**64, bins=10, range=(0, 1))[0]
        assert counts == pytest.approx(100_000, abs=1_500)


def test_the_two_halves_are_independent():
    found = digest({"a": np.arange(10_000)}) / 2.0**64

    assert abs(np.corrcoef(found.T)[0, 1]) < 0.05


def test_a_word_has_one_number_wherever_it_stands():
    assert word_numbers(pa.array(["b", "a", None, "", "a"])).tolist() == [
        word_number("b"), word_number("a"), 0, 0, word_number("a")
    ]  # fmt: skip
    encoded = pa.DictionaryArray.from_arrays(pa.array([1, 0, None]), pa.array(["b", "a"]))
    assert word_numbers(encoded).tolist() == [word_number("a"), word_number("b"), 0]
