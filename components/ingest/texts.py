"""Columns of free text: which ones are, and what the model must know of their words."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.columns import as_numpy
from components.ingest.quality.word_counts import WordCounts
from estafet import words
from estafet.schema import TextFeature

MAX_VOCABULARY = 20_000
MIN_COUNT = 2
MAX_COUNTED_WORDS = 250_000
MAX_WORD_BYTES = 100
"""Longer ones are none that a person wrote; they count as unknown words."""
MAX_LENGTH = 10_000
"""A text of more words counts as one of so many."""
QUANTILE = 0.95

MIN_TEXTS = 20
MIN_DISTINCT_SHARE = 0.9
MIN_MEAN_WORDS = 5.0
WORD_WITH_LETTER = r"\pL\S*"
"""Matches once in each part between spaces that has a letter; so numbers, times and identifiers are no words."""


def is_free_text(values: pa.Array | pa.ChunkedArray) -> bool:
    """Tell whether a column of words is obviously free text: nearly all values are different, and several words long.

    Args:
        values: UTF-8 strings (N,), null or empty where missing.
    """
    known = values.filter(pc.fill_null(pc.not_equal(values, ""), False))
    if len(known) < MIN_TEXTS or pc.count_distinct(known).as_py() < MIN_DISTINCT_SHARE * len(known):
        return False
    return pc.mean(pc.count_substring_regex(known, WORD_WITH_LETTER)).as_py() >= MIN_MEAN_WORDS


class TextStatistics:
    """The vocabulary and the lengths of a column of texts, in bounded memory."""

    def __init__(self):
        """Begin with nothing."""
        self._num_rows = self._num_bytes = self._num_words = 0
        self._lengths = np.zeros(MAX_LENGTH + 1, np.int64)
        self._counts = WordCounts(MAX_COUNTED_WORDS)

    def add(self, texts: pa.Array) -> None:
        """Take in some texts, UTF-8; null and the empty one count as missing."""
        self._num_rows += len(texts)
        texts = texts.filter(pc.fill_null(pc.not_equal(texts, ""), False))
        self._num_bytes += pc.sum(pc.binary_length(texts)).as_py() or 0
        found = words.split(texts)
        lengths = as_numpy(pc.list_value_length(found))
        self._lengths += np.bincount(np.minimum(lengths, MAX_LENGTH), minlength=MAX_LENGTH + 1)
        flat = found.flatten()
        self._num_words += len(flat)
        self._counts.add(flat.filter(pc.less_equal(pc.binary_length(flat), MAX_WORD_BYTES)))

    def merge(self, other: TextStatistics) -> None:
        """Take in what another one has gathered."""
        self._num_rows += other._num_rows
        self._num_bytes += other._num_bytes
        self._num_words += other._num_words
        self._lengths += other._lengths
        self._counts.merge(other._counts)

    def feature(self, name: str) -> TextFeature:
        """Describe the column."""
        counted = self._counts.top(MAX_VOCABULARY)
        counted = [pair for pair in counted if pair[1] >= MIN_COUNT] or counted
        num_texts = int(self._lengths.sum())
        return TextFeature(
            name=name,
            vocabulary=tuple(word for word, _ in counted),
            known_share=sum(count for _, count in counted) / self._num_words if self._num_words else 1.0,
            mean_words=self._num_words / max(1, num_texts),
            words_95=int(np.searchsorted(np.cumsum(self._lengths), QUANTILE * num_texts)),
            mean_bytes=self._num_bytes / max(1, self._num_rows),
            missing_share=(self._num_rows - num_texts) / max(1, self._num_rows),
        )
