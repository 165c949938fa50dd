"""Which columns are free text, and what is counted of it."""

import pyarrow as pa
import pytest

from components.ingest import texts
from components.ingest.texts import TextStatistics, is_free_text


def described(*batches, name="t"):
    whole = TextStatistics()
    for batch in batches:
        part = TextStatistics()
        part.add(pa.array(batch, pa.string()))
        whole.merge(part)
    return whole.feature(name)


def test_the_vocabulary_has_the_words_that_occur_twice_most_frequent_first():
    feature = described(["The sea, the SEA", "a ship"], ["The ship!", None, ""])

    assert feature.vocabulary == ("the", "sea", "ship")
    assert feature.known_share == 7 / 8
    assert feature.missing_share == 2 / 5
    assert feature.mean_words == pytest.approx(8 / 3)
    assert feature.mean_bytes == (16 + 6 + 9) / 5


def test_of_words_that_all_occur_once_all_are_kept():
    assert described(["one two"]).vocabulary == ("one", "two")


def test_a_column_without_any_text_has_an_empty_vocabulary():
    feature = described([None, ""])

    assert (feature.vocabulary, feature.words_95, feature.known_share, feature.missing_share) == ((), 0, 1, 1)


def test_the_length_of_most_texts_is_that_of_the_95th_of_a_hundred():
    """Ninety-four texts of three words, one of seven, and five of fifty: the 95th in order has seven."""
    assert described(["a b c"] * 94 + ["a " * 7] + ["a " * 50] * 5).words_95 == 7


def test_a_text_beyond_all_bounds_is_counted_and_its_endless_word_is_unknown():
    feature = described(["a " * (texts.MAX_LENGTH + 5), "x" * 1000, "x" * 1000])

    assert feature.vocabulary == ("a",)
    assert feature.words_95 == texts.MAX_LENGTH
    assert feature.known_share == pytest.approx(1, abs=1e-3) and feature.known_share < 1


def test_the_vocabulary_is_bounded(monkeypatch):
    monkeypatch.setattr(texts, "MAX_VOCABULARY", 3)

    assert described(["d d d d c c c b b a a"]).vocabulary == ("d", "c", "a")


def sentences(num):
    return [f"number {i} is a sentence of its own" for i in range(num)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (sentences(100), True),
        ([*sentences(50), *[None] * 50, *[""] * 50], True),
        (sentences(19), False),
        (sentences(10) * 10, False),
        ([f"name {i}" for i in range(100)], False),
        ([f"2024-01-02 10:11:12.{i} 5 6 7" for i in range(100)], False),
        ([f"550e8400-e29b-41d4-a716-4466{i:08}" for i in range(100)], False),
        ([f"Braund, Mr. Owen {i}" for i in range(100)], False),
        ([None] * 100, False),
    ],
)
def test_free_text_is_what_differs_in_each_row_and_has_several_words(values, expected):
    assert is_free_text(pa.array(values, pa.string())) is expected
