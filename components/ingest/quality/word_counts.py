"""Counts of the words of a column, in bounded memory however many there are."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.columns import as_numpy, is_true, row_numbers

MAX_EXACT = 10_000
"""So many different words are counted exactly, unless another number is asked for."""
MAX_CHARACTERS = 200
"""Of a longer word only so much is kept, unless it is to be whole."""


class WordCounts:
    """How often each word occurs: exactly for at most `max_exact` different ones, and by lossy counting beyond.

    Then each count is too small by at most one in `max_exact` of all words seen, and no word that is more frequent
    than that is forgotten.

    Attributes:
        num_seen: Number of words.
        is_exact: Whether every word that was seen is there, with its exact count.
        has_long: Whether a word was longer than `MAX_CHARACTERS`.

    Source:
        Manku and Motwani, "Approximate frequency counts over data streams", VLDB 2002.
    """

    def __init__(self, max_exact: int | None = None, *, is_whole: bool = False) -> None:
        """Begin with nothing.

        Args:
            max_exact: How many different words are counted exactly; `MAX_EXACT` where it is not given. Counters that
                are merged have the same.
            is_whole: Whether words of more than `MAX_CHARACTERS` are kept whole.
        """
        self._max_exact, self._is_whole = max_exact or MAX_EXACT, is_whole
        self.num_seen = 0
        self.has_long = False
        self._words = pa.nulls(0, pa.string())
        self._counts = np.empty(0, np.int64)
        self._missed = np.empty(0, np.int64)  # how many of each word may have been forgotten before it was kept
        self._forgotten = 0  # how many of any word may have been forgotten

    def __len__(self) -> int:
        return len(self._words)

    @property
    def is_exact(self) -> bool:
        return self._forgotten == 0

    def top(self, num: int | None = None) -> list[tuple[str, int]]:
        """Return the most frequent words with their counts, most frequent first, equally frequent ones by name."""
        pairs = zip(self._words.to_pylist(), self._counts.tolist(), strict=True)
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:num]

    def add(self, column: pa.Array) -> int:
        """Count the words of a column; return how many rows have none (null or empty)."""
        counted = pc.value_counts(column)
        words, counts = counted.field(0).cast(pa.string()), as_numpy(counted.field(1))
        is_word = pc.fill_null(pc.not_equal(words, ""), False)
        words, counts_of_words = words.filter(is_word), counts[is_true(is_word)]
        longest = pc.max(pc.binary_length(words)).as_py() or 0
        if longest > MAX_CHARACTERS and not self._is_whole:
            words, counts_of_words = self._shortened(words, counts_of_words)
        num_words = int(counts_of_words.sum())
        self.num_seen += num_words
        self._take(words, counts_of_words, np.zeros(len(words), np.int64), 0)
        return len(column) - num_words

    def merge(self, other: WordCounts) -> None:
        """Count in what another has counted."""
        self.has_long |= other.has_long
        self.num_seen += other.num_seen
        self._take(other._words, other._counts, other._missed, other._forgotten)

    def _shortened(self, words: pa.Array, counts: np.ndarray) -> tuple[pa.Array, np.ndarray]:
        short = pc.utf8_slice_codeunits(words, 0, MAX_CHARACTERS)
        self.has_long |= not short.equals(words)
        encoded = short.dictionary_encode()
        sums = np.zeros(len(encoded.dictionary), np.int64)
        np.add.at(sums, as_numpy(encoded.indices.cast(pa.int64())), counts)
        return encoded.dictionary, sums

    def _take(self, words: pa.Array, counts: np.ndarray, missed: np.ndarray, forgotten: int) -> None:
        """Add different words with their counts, by a counter that may have forgotten `forgotten` of any word."""
        places = as_numpy(pc.index_in(words, value_set=self._words).cast(pa.int64()), missing=-1)
        is_known = places >= 0
        is_own_only = np.ones(len(self._words), bool)
        is_own_only[places[is_known]] = False
        self._counts[places[is_known]] += counts[is_known]
        self._missed[places[is_known]] += missed[is_known]
        self._missed[is_own_only] += forgotten
        self._words = pa.concat_arrays([self._words, words.take(row_numbers(np.flatnonzero(~is_known)))])
        self._counts = np.concatenate([self._counts, counts[~is_known]])
        self._missed = np.concatenate([self._missed, missed[~is_known] + self._forgotten])
        self._forgotten += forgotten
        if len(self._words) > self._max_exact:
            self._forget()

    def _forget(self) -> None:
        """Drop the words that cannot be frequent."""
        bound = max(self._forgotten, math.ceil(self.num_seen / self._max_exact))
        keep = self._counts + self._missed > bound
        self._words = self._words.take(row_numbers(np.flatnonzero(keep)))
        self._counts, self._missed = self._counts[keep], self._missed[keep]
        self._forgotten = bound
