"""What is known of a table's columns after one pass over its batches, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.columns import is_known, raw_numbers, row_numbers
from components.ingest.quality.word_counts import WordCounts
from estafet.source_schema import ColumnType, SourceColumn, SourceSchema

MAX_CATEGORIES = 100
"""A column of more different words is text."""
NUM_SAMPLED = 4096

_NONE = np.empty(0, np.int64)

Kind = Literal["number", "integer", "boolean", "word", "time", "other"]


class ColumnProfile:
    """What is known of one column.

    Attributes:
        kind: What it holds.
        count: Rows seen.
        num_missing: Rows without a value: null, NaN, or an empty word.
        num_infinite: Rows with an infinite number, which counts in nothing else but `count`.
        num_values: Numbers that count in `mean` and `std`.
        min: Smallest number or time; None where there is none.
        max: Largest number or time; None where there is none.
        mean: Mean of the numbers; NaN where there is none.
        words: For words, how often each occurs.
        sample: Up to 4,096 of the finite numbers, float64, drawn evenly from all rows, for plots.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.count = self.num_missing = self.num_infinite = self.num_values = 0
        self.min: Any = None
        self.max: Any = None
        self.mean = math.nan
        self.words = WordCounts()
        self._squares = 0.0  # sum of the squared differences from the mean
        self._sampled = np.empty(0)

    @property
    def std(self) -> float:
        """Standard deviation (of the population) of the numbers; NaN where there is none."""
        return math.sqrt(self._squares / self.num_values) if self.num_values else math.nan

    @property
    def missing_share(self) -> float:
        """Share of the rows without a value."""
        return self.num_missing / self.count if self.count else 0.0

    @property
    def top(self) -> list[tuple[str, int]]:
        """The most frequent words with their counts, at most 100."""
        return self.words.top(MAX_CATEGORIES)

    @property
    def num_distinct(self) -> int | None:
        """Number of different words; None for anything else, and where there are more than are kept."""
        return len(self.words) if self.kind == "word" and self.words.is_exact else None

    @property
    def sample(self) -> np.ndarray:
        return self._sampled[np.isfinite(self._sampled)]

    @property
    def type(self) -> ColumnType:
        """What a schema calls it: words are a `category` where they are few and some of them occur again."""
        if self.kind == "word":
            few = self.words.is_exact and not self.words.has_long and len(self.words) <= MAX_CATEGORIES
            return "category" if few and len(self.words) < max(self.words.num_seen, 2) else "text"
        return self.kind

    def add(self, values: pa.Array, sampled: pa.Array, keep: np.ndarray) -> None:
        """Take in some rows.

        Args:
            values: The rows.
            sampled: Those of them that may be sampled.
            keep: Which of the samples so far, followed by `sampled`, stay.
        """
        self.count += len(values)
        if self.kind == "word":
            self.num_missing += self.words.add(values)
            return
        self.num_missing += values.null_count
        if self.kind == "time":
            found = pc.min_max(values)
            self._widen(found["min"].as_py(), found["max"].as_py())
        elif self.kind != "other":
            self._add_numbers(_known_numbers(values))
            self._sampled = np.concatenate([self._sampled, _sampled_numbers(sampled)])[keep]

    def merge(self, other: ColumnProfile, keep: np.ndarray) -> None:
        """Take in what another profile knows of other rows of the same column."""
        self.count += other.count
        self.num_missing += other.num_missing
        self.num_infinite += other.num_infinite
        if self.kind == "word":
            self.words.merge(other.words)
        self._widen(other.min, other.max)
        self._add_moments(other.num_values, other.mean, other._squares)
        if len(self._sampled) or len(other._sampled):
            self._sampled = np.concatenate([self._sampled, other._sampled])[keep]

    def source_column(self) -> SourceColumn:
        """Return what the column was like: the range, the words and the missing share that were seen.

        A number's range is rounded outwards to six digits, and the share up to four decimals.
        """
        found = self.type
        low, high = self.min, self.max
        if found == "number" and low is not None:
            low, high = _rounded(low, ROUND_FLOOR), _rounded(high, ROUND_CEILING)
        has_range = found in ("number", "integer")
        return SourceColumn(
            type=found,
            min=low if has_range else None,
            max=high if has_range else None,
            categories=tuple(sorted(word for word, _ in self.top)) if found == "category" else None,
            max_missing_share=math.ceil(self.missing_share * 10_000) / 10_000,
        )

    def _add_numbers(self, values_N: np.ndarray) -> None:
        if not len(values_N):
            return
        with np.errstate(invalid="ignore", over="ignore"):
            total = values_N.sum(dtype=np.float64)
        low, high = values_N.min(), values_N.max()
        if not np.isfinite(total):  # some are not finite, or so large that their sum is not
            is_nan_N = np.isnan(values_N)
            is_finite_N = np.isfinite(values_N)
            self.num_missing += int(is_nan_N.sum())
            self.num_infinite += int((~is_nan_N & ~is_finite_N).sum())
            values_N = values_N[is_finite_N]
            if not len(values_N):
                return
            total, low, high = values_N.sum(dtype=np.float64), values_N.min(), values_N.max()
        if self.kind != "boolean":
            self._widen(low.item(), high.item())
        mean = float(total / len(values_N))
        differences_N = values_N - np.float64(mean)
        # Not by BLAS, which divides the sum among threads, so that its last digits depend on their number.
        self._add_moments(len(values_N), mean, float(np.einsum("i,i->", differences_N, differences_N)))

    def _add_moments(self, num: int, mean: float, squares: float) -> None:
        """Merge the moments of other numbers.

        Source:
            Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
        """
        if num == 0:
            return
        if self.num_values == 0:
            self.num_values, self.mean, self._squares = num, mean, squares
            return
        total, difference = self.num_values + num, mean - self.mean
        self._squares += squares + difference**2 * self.num_values * num / total
        self.mean += difference * num / total
        self.num_values = total

    def _widen(self, low: Any, high: Any) -> None:
        if low is not None:
            self.min = low if self.min is None else min(self.min, low)
            self.max = high if self.max is None else max(self.max, high)


class TableProfile:
    """The profiles of a table's columns: `add` batches, `merge` with the profile of other rows.

    Attributes:
        columns: The profile of each column, in the table's order.
        num_rows: Number of rows seen.
    """

    def __init__(self, num_sampled: int = NUM_SAMPLED) -> None:
        """Begin with no rows.

        Args:
            num_sampled: How many numbers of each column are kept for plots; profiles that are merged keep the same.
        """
        self.columns: dict[str, ColumnProfile] = {}
        self.num_rows = 0
        self._num_sampled = num_sampled
        self._ranks = np.empty(0, np.uint64)  # those of the rows that are sampled

    def add(self, columns: pa.RecordBatch) -> None:
        """Take in some rows; each batch has the same columns."""
        chosen, keep = self._sampled(len(columns)) if self._num_sampled else (_NONE, _NONE)
        sampled = columns.take(row_numbers(chosen))
        for i, name in enumerate(columns.schema.names):
            if name not in self.columns:
                self.columns[name] = ColumnProfile(_kind(columns.schema.field(i).type))
            self.columns[name].add(columns.column(i), sampled.column(i), keep)
        self.num_rows += len(columns)

    def merge(self, other: TableProfile) -> None:
        """Take in what another profile knows of other rows of the same table."""
        keep = self._keep(other._ranks)
        for name, column in other.columns.items():
            self.columns.setdefault(name, ColumnProfile(column.kind)).merge(column, keep)
        self.num_rows += other.num_rows

    def source_schema(self, names: Iterable[str] | None = None, *, time: str | None = None) -> SourceSchema:
        """Return what the rows were like, to be edited and pinned.

        Types, ranges, categories (of at most 100 words, some of which occur again) and the share of missing values are
        those that were seen.

        Args:
            names: The columns that are used, if not all.
            time: The column with the time of each row, in whatever form.
        """
        chosen = [name for name in (self.columns if names is None else names) if name in self.columns]
        columns = {name: self.columns[name].source_column() for name in chosen}
        if time in columns:
            columns[time] = SourceColumn(type="time", max_missing_share=columns[time].max_missing_share)
        return SourceSchema(columns=columns)

    def _sampled(self, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Return which of the next rows may be sampled, and which samples then stay, as `_keep` does."""
        ranks = _ranks(self.num_rows, num_rows)
        is_full = len(self._ranks) == self._num_sampled
        chosen = np.flatnonzero(ranks < self._ranks.max()) if is_full else _lowest(ranks, self._num_sampled)
        return chosen, self._keep(ranks[chosen])

    def _keep(self, ranks: np.ndarray) -> np.ndarray:
        """Return which rows stay in the sample, of those that are in it followed by those with `ranks`."""
        both = np.concatenate([self._ranks, ranks])
        keep = _lowest(both, self._num_sampled)
        self._ranks = both[keep]
        return keep


def _ranks(start: int, num: int) -> np.ndarray:
    """Return a number for each row, uint64, as good as random and the same in every run: the lowest are sampled.

    Source:
        Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (SplitMix64).
    """
    with np.errstate(over="ignore"):
        mixed = (np.arange(start, start + num, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _lowest(ranks: np.ndarray, num: int) -> np.ndarray:
    """Return the places of the `num` lowest, in order."""
    return np.arange(len(ranks)) if len(ranks) <= num else np.sort(np.argpartition(ranks, num)[:num])


def _kind(kind: pa.DataType) -> Kind:
    if pa.types.is_dictionary(kind):
        return _kind(kind.value_type)
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if any(test(kind) for test in (pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)):
        return "number"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "word"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "time"
    return "other"


def _known_numbers(values: pa.Array) -> np.ndarray:
    """Return the numbers that are not null, without a copy where none is."""
    numbers_N = raw_numbers(values)
    return numbers_N.compress(is_known(values)) if values.null_count else numbers_N


def _sampled_numbers(values: pa.Array) -> np.ndarray:
    return np.where(is_known(values), raw_numbers(values).astype(np.float64), np.nan)


def _rounded(number: float, direction: str) -> float:
    return float(Context(prec=6, rounding=direction).create_decimal(Decimal(repr(number))))
