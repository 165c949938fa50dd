"""The schema's statistics, of the training split alone, gathered piece by piece."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from components.ingest.quality.word_counts import WordCounts
from estafet.schema import CategoricalFeature, NumericFeature

MAX_CATEGORIES = 10_000
MAX_COUNTED_WORDS = 250_000
ROWS_AT_ONCE = 32_768
NUM_ROWS_LOOKED_AT = 64


class NumericStatistics:
    """Count, mean, variance and range of several columns of numbers; NaN counts as missing.

    Source:
        Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
    """

    def __init__(self, num_columns: int):
        """Begin with nothing.

        Args:
            num_columns: How many columns there are.
        """
        self._num_rows = 0
        self._counts = np.zeros(num_columns)
        self._means, self._squares = np.zeros(num_columns), np.zeros(num_columns)
        self._lows, self._highs = np.full(num_columns, np.inf), np.full(num_columns, -np.inf)
        self._whole = np.ones(num_columns, bool)

    def add(self, *blocks_NK: np.ndarray) -> None:
        """Take in some rows: blocks of columns that stand side by side, numbers of any type, each (N, K)."""
        for start in range(0, len(blocks_NK[0]), ROWS_AT_ONCE):
            pieces = [block[start : start + ROWS_AT_ONCE] for block in blocks_NK]
            values_KN = np.empty((len(self._counts), len(pieces[0])))
            first = 0
            for piece in pieces:
                values_KN[first : first + piece.shape[1]] = piece.T
                first += piece.shape[1]
            self.merge(_described(values_KN))

    def merge(self, other: NumericStatistics) -> None:
        """Take in what another one has gathered."""
        counts = self._counts + other._counts
        share = np.divide(other._counts, counts, out=np.zeros_like(counts), where=counts > 0)
        shift = other._means - self._means
        self._squares += other._squares + shift**2 * self._counts * share
        self._means += shift * share
        self._counts = counts
        self._num_rows += other._num_rows
        self._lows, self._highs = np.minimum(self._lows, other._lows), np.maximum(self._highs, other._highs)
        self._whole &= other._whole

    def features(self, names: Sequence[str]) -> tuple[NumericFeature, ...]:
        """Describe the columns, whose names are given in order; one without any value has mean and range 0."""
        return tuple(self._feature(column, name) for column, name in enumerate(names))

    def _feature(self, column: int, name: str) -> NumericFeature:
        count = self._counts[column]
        missing_share = float(1 - count / max(1, self._num_rows))
        if not count:
            return NumericFeature(name=name, mean=0, std=0, min=0, max=0, missing_share=missing_share)
        return NumericFeature(
            name=name,
            mean=float(self._means[column]),
            std=float(np.sqrt(self._squares[column] / count)),
            min=float(self._lows[column]),
            max=float(self._highs[column]),
            missing_share=missing_share,
            is_integer=bool(self._whole[column]),
        )


def _described(values_KN: np.ndarray) -> NumericStatistics:
    """Describe some rows, float64 (K, N), which are overwritten."""
    found = NumericStatistics(len(values_KN))
    found._num_rows = values_KN.shape[1]
    sums = values_KN.sum(axis=1)
    has_missing = bool(np.isnan(sums).any())
    found._counts = np.full(len(values_KN), float(found._num_rows))
    if has_missing:
        is_missing_KN = np.isnan(values_KN)
        found._counts -= is_missing_KN.sum(axis=1, dtype=np.float64)
        sums = np.nansum(values_KN, axis=1)
    low, high = (np.fmin, np.fmax) if has_missing else (np.minimum, np.maximum)
    found._lows = low.reduce(values_KN, axis=1, initial=np.inf)
    found._highs = high.reduce(values_KN, axis=1, initial=-np.inf)
    found._whole = _are_whole(values_KN)
    found._means = np.divide(sums, found._counts, out=np.zeros_like(sums), where=found._counts > 0)
    values_KN -= found._means[:, None]
    if has_missing:
        values_KN[is_missing_KN] = 0
    found._squares = np.einsum("kn,kn->k", values_KN, values_KN)
    return found


def _are_whole(values_KN: np.ndarray) -> np.ndarray:
    first_KN = values_KN[:, :NUM_ROWS_LOOKED_AT]
    whole = np.all((first_KN == np.rint(first_KN)) | np.isnan(first_KN), axis=1)
    for column in np.flatnonzero(whole):
        values_N = values_KN[column]
        whole[column] = np.all((values_N == np.rint(values_N)) | np.isnan(values_N))
    return whole


class WordStatistics:
    """How often each word of a column of categories occurs, in bounded memory: see `WordCounts`."""

    def __init__(self):
        """Begin with nothing."""
        self._num_rows = self._num_missing = 0
        self._counts = WordCounts(MAX_COUNTED_WORDS, is_whole=True)

    def add(self, words: pa.Array) -> None:
        """Take in some words, UTF-8; null and the empty one count as missing."""
        self._num_missing += self._counts.add(words)
        self._num_rows += len(words)

    def merge(self, other: WordStatistics) -> None:
        """Take in what another one has gathered."""
        self._counts.merge(other._counts)
        self._num_rows += other._num_rows
        self._num_missing += other._num_missing

    def feature(self, name: str) -> CategoricalFeature:
        """Describe the column."""
        return CategoricalFeature(
            name=name,
            categories=tuple(word for word, _ in self._counts.top(MAX_CATEGORIES)),
            missing_share=self._num_missing / max(1, self._num_rows),
        )
