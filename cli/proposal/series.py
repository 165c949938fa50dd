"""The series in a table: which column holds the times, and which ones tell several series apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from cli.proposal.columns import LABEL_NAMES, TIME_NAMES, Column

MIN_STEPS = 20
"""So many rows each series has, or they are no series."""
MIN_ROWS_PER_TIME = 1.5
MAX_CANDIDATES = 10


@dataclass(frozen=True)
class Series:
    """One or several series in a table.

    Attributes:
        time: The column with the time of each row.
        keys: The columns that tell the series apart; none where there is only one.
        rows: The rows of each series in the order of time, the longest series first.
    """

    time: Column
    keys: tuple[str, ...]
    rows: tuple[np.ndarray, ...]

    def of(self, column: Column, series: int = 0) -> Column:
        """Return what a column holds of one series, in the order of time."""
        return Column(column.name, column.values.take(self.rows[series]))


def find_series(columns: Mapping[str, Column], label: str | None) -> Series | None:
    """Return the series of a table: one, if a column's times only grow; several, if one or two columns tell them apart.

    Args:
        columns: The columns by name.
        label: The column to predict, where it is named.
    """
    for time in columns.values():
        if time.orders_rows and time.name != label:
            return Series(time, (), (np.arange(len(time.values)),))
    return _several(columns, label)


def _several(columns: Mapping[str, Column], label: str | None) -> Series | None:
    # What may be the label tells no series apart: what is named, or else the last column, or one with such a name.
    labels = {label} if label else {next(reversed(columns)), *(name for name in columns if name.lower() in LABEL_NAMES)}
    for time in columns.values():
        if time.name == label or not _may_be_time(time):
            continue
        _, times_N = np.unique(time.numbers, return_inverse=True)
        num_times = int(times_N.max()) + 1
        if len(times_N) < MIN_ROWS_PER_TIME * num_times:
            continue
        candidates = [column for column in columns.values() if column is not time and column.name not in labels]
        for keys in _choices(candidates):
            codes = [_codes(key) for key in keys]
            _, series_N = np.unique(codes[0] * (codes[-1].max() + 1) + codes[-1], return_inverse=True)
            sizes = np.bincount(series_N)
            is_one_row_each = len(np.unique(series_N * num_times + times_N)) == len(times_N)
            if len(sizes) > 1 and sizes.min() >= MIN_STEPS and is_one_row_each:
                rows = np.split(np.lexsort((times_N, series_N)), np.cumsum(sizes)[:-1])
                return Series(time, tuple(key.name for key in keys), tuple(sorted(rows, key=len, reverse=True)))
    return None


def _may_be_time(column: Column) -> bool:
    is_time = column.kind == "time" or (column.name.lower() in TIME_NAMES and column.is_whole)
    return is_time and not column.values.null_count and len(column.values) > 0


def _choices(columns: list[Column]) -> Iterator[tuple[Column, ...]]:
    """Yield what may tell series apart, one column before two, and words before numbers."""
    words = [column for column in columns if column.kind == "word"]
    numbers = [column for column in columns if column.kind == "number" and column.is_whole]
    few = [c for c in [*words, *numbers] if not c.values.null_count and c.num_distinct * MIN_STEPS <= len(c.values)]
    for size in (1, 2):
        yield from combinations(few[:MAX_CANDIDATES], size)


def _codes(column: Column) -> np.ndarray:
    import pyarrow.compute as pc

    return pc.rank(column.values.combine_chunks(), tiebreaker="dense").to_numpy().astype(np.int64)
