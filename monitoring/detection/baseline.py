"""Profiles of a column: counts in the reference's bins, which add up over parts and decide without the raw rows.

A numeric column is counted in bins between quantiles of the reference (or between its levels, where they are few), a
categorical one by the reference's most frequent levels. Two profiles of one baseline are added with `+`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

NUM_BINS = 64
NUM_LEVELS = 100
IMPLAUSIBLE_WIDTHS = 10.0
"""A number this many widths of the reference's range beyond it is no measurement any more: a wrong unit, a fault."""


@dataclass(frozen=True)
class Profile:
    """What one part of a column holds.

    Attributes:
        num_rows: Rows in all.
        counts: Valid values in each bin of the baseline, shape (num_bins,).
        num_missing: Rows without a value.
        num_invalid: Infinite or implausible numbers, and words where numbers belong.
        num_out_of_range: Valid numbers, or invalid ones too, outside the reference's range.
        new_levels: Some categories that training never saw, with their counts.
    """

    num_rows: int
    counts: np.ndarray
    num_missing: int = 0
    num_invalid: int = 0
    num_out_of_range: int = 0
    new_levels: Counter = field(default_factory=Counter)

    @property
    def num_valid(self) -> int:
        """Number of values that were counted in the bins."""
        return int(self.counts.sum())

    @property
    def num_unusable(self) -> int:
        """Number of rows that are missing or invalid."""
        return self.num_missing + self.num_invalid

    def __add__(self, other: Profile) -> Profile:
        return Profile(
            self.num_rows + other.num_rows,
            self.counts + other.counts,
            self.num_missing + other.num_missing,
            self.num_invalid + other.num_invalid,
            self.num_out_of_range + other.num_out_of_range,
            self.new_levels + other.new_levels,
        )


class NumericBaseline:
    """The reference of a column of numbers.

    Attributes:
        edges: Bin edges, ascending, shape (num_bins - 1,).
        is_discrete: Whether each bin holds one level.
        low: Smallest valid value of the reference.
        high: Largest valid value of the reference.
        reference: The reference's own profile.
    """

    kind = "numeric"

    def __init__(self, values_N: np.ndarray):
        values_N = as_numbers(values_N)
        finite_N = values_N[np.isfinite(values_N)]
        levels = np.unique(finite_N)
        self.is_discrete = levels.size <= NUM_BINS
        if self.is_discrete:
            self.edges = (levels[:-1] + levels[1:]) / 2
        else:
            self.edges = np.unique(np.quantile(finite_N, np.linspace(0, 1, NUM_BINS + 1)[1:-1]))
        self.low = float(levels[0]) if levels.size else -np.inf
        self.high = float(levels[-1]) if levels.size else np.inf
        self.reference = self.profile(values_N)

    def profile(self, values_N: np.ndarray) -> Profile:
        """Count a column of requests, or a part of it."""
        is_text = np.array([isinstance(value, str) for value in values_N]) if values_N.dtype == object else None
        num_text = int(is_text.sum()) if is_text is not None else 0
        values_N = as_numbers(values_N)
        missing_N = np.isnan(values_N)
        margin = IMPLAUSIBLE_WIDTHS * (self.high - self.low if self.high > self.low else max(1.0, abs(self.high)))
        with np.errstate(invalid="ignore"):
            outside_N = (values_N < self.low) | (values_N > self.high)
            invalid_N = np.isinf(values_N) | (values_N < self.low - margin) | (values_N > self.high + margin)
        valid_N = values_N[~missing_N & ~invalid_N]
        upto = np.searchsorted(np.sort(valid_N), self.edges, side="left")  # three times faster than bin by bin
        return Profile(
            num_rows=len(values_N),
            counts=np.diff(upto, prepend=0, append=len(valid_N)).astype(np.int64),
            num_missing=int(missing_N.sum()) - num_text,
            num_invalid=int(invalid_N.sum()) + num_text,
            num_out_of_range=int(outside_N.sum()),
        )


class CategoricalBaseline:
    """The reference of a column of words.

    Attributes:
        levels: The reference's most frequent words, most frequent first; the bins follow them, with two more at the
            end: known but rare, and new.
        num_singletons: Number of words that the reference holds once; they tell how many it has not seen.
        reference: The reference's own profile.
    """

    kind = "categorical"

    def __init__(self, values_N: np.ndarray, known: Iterable[str] = ()):
        frequency = Counter(value for value in values_N if not _is_missing(value))
        ranked = sorted(frequency, key=lambda level: (-frequency[level], str(level)))
        self.levels = tuple(ranked[:NUM_LEVELS])
        self.num_singletons = sum(count == 1 for count in frequency.values())
        self._bin = {level: index for index, level in enumerate(self.levels)}
        self._known = set(ranked) | set(known)
        self.reference = self.profile(values_N)

    def profile(self, values_N: np.ndarray) -> Profile:
        """Count a column of requests, or a part of it."""
        counts = np.zeros(len(self.levels) + 2, np.int64)
        num_missing, new_levels = 0, Counter()
        for level, count in Counter(values_N).items():
            if _is_missing(level):
                num_missing += count
            elif level in self._bin:
                counts[self._bin[level]] += count
            elif level in self._known:
                counts[-2] += count
            else:
                counts[-1] += count
                new_levels[level] += count
        shown = Counter(dict(new_levels.most_common(5)))
        return Profile(len(values_N), counts, num_missing=num_missing, new_levels=shown)


Baseline = NumericBaseline | CategoricalBaseline


def baseline_of(values_N: np.ndarray, known: Iterable[str] = ()) -> Baseline:
    """Return the baseline of a reference column.

    Args:
        values_N: The reference, shape (N,): numbers with NaN for missing, or words with None or "" for missing.
        known: For words: categories that the training data hold beside those of the reference.
    """
    return CategoricalBaseline(values_N, known) if values_N.dtype == object else NumericBaseline(values_N)


def as_numbers(values_N: np.ndarray) -> np.ndarray:
    """Return numbers as float64, rounded to what float32 holds, in which requests are logged; words become NaN."""
    if values_N.dtype == object:
        values_N = np.array([np.nan if v is None or isinstance(v, str) else v for v in values_N], dtype=np.float64)
    with np.errstate(over="ignore"):
        return values_N.astype(np.float32).astype(np.float64)


def _is_missing(value: object) -> bool:
    return value is None or value == "" or value != value
