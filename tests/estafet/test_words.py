"""Texts become the words that a person would find in them, in any script."""

import numpy as np
import pyarrow as pa
import pytest

from estafet import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The film was NOT good, 3/10!", ["the", "film", "was", "not", "good", "3", "10"]),
        ("two\nlines\tand\r\nmore", ["two", "lines", "and", "more"]),
        ("don't", ["don", "t"]),
        ("Größe ÉTÉ żółw", ["größe", "été", "żółw"]),
        ("ΟΔΟΣ", ["οδοσ"]),
        ("I İ", ["i", "i"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("我爱 TV", ["我", "爱", "tv"]),
        ("हिन्दी", ["हिन्दी"]),
        ("👍 … —", []),
        ("", []),
        (None, []),
    ],
)
def test_a_text_is_cut_into_words(text, expected):
    assert words.split(pa.array([text], pa.string())).to_pylist() == [expected]


def test_a_column_is_described_by_lengths_and_unknown_words():
    """Of four words two are known; a text of signs has no words; an empty one and a missing one are missing."""
    texts = pa.array(["A b c a", "!!", "", None, "a"])

    num_words, unknown = words.describe(texts, ["a"])

    np.testing.assert_array_equal(num_words, [4, 0, np.nan, np.nan, 1])
    np.testing.assert_array_equal(unknown, [0.5, np.nan, np.nan, np.nan, 0])


def test_a_slice_of_a_column_is_described_as_it_is_alone():
    texts = pa.array(["a a a", "b a", None, "a"])

    for first, second in zip(words.describe(texts.slice(1), ["a"]), words.describe(texts, ["a"]), strict=True):
        np.testing.assert_array_equal(first, second[1:])
