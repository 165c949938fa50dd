"""Whether rows are as they should be: no infinite numbers, and where a schema is pinned, what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.batches import Batch, Problem
from components.ingest.columns import is_known, is_true, raw_numbers, row_numbers
from components.ingest.quality.profile import TableProfile
from components.ingest.sources.find import closest
from estafet.errors import DataError
from estafet.records.manifest import Anomaly, AnomalyKind, BadExample
from estafet.runfile.steps import IngestSettings
from estafet.source_schema import ColumnType, SourceColumn, SourceSchema

MAX_FLOAT32 = float(np.finfo(np.float32).max)

_WORDS = ("category", "text", "time", "other")
_NUMBERS = ("number", "integer", "boolean", "category", "text", "time", "other")
_FITTING: tuple[tuple[tuple[str, ...], tuple[ColumnType, ...]], ...] = (
    (("is_null",), _NUMBERS),
    (("is_boolean",), ("boolean", "integer", "number", "other")),
    (("is_integer",), _NUMBERS),
    (("is_floating", "is_decimal"), ("number", "integer", "boolean", "time", "other")),
    (("is_string", "is_large_string", "is_string_view"), _WORDS),
    (("is_timestamp", "is_date"), ("time", "other")),
)
"""Which types of a schema a column of these Arrow types may have; whether each value fits is another question."""


class Validator:
    """Finds what is wrong in the columns that are used: features, label, time, and those that tell groups apart.

    It holds nothing but what it was made with, so one serves several threads.
    """

    def __init__(self, settings: IngestSettings, expected: SourceSchema | None = None):
        """Prepare to validate.

        Args:
            settings: The step's settings, which say what columns are used.
            expected: The pinned schema, if there is one.
        """
        self._expected = expected.columns if expected else {}
        self._is_pinned = expected is not None and bool(expected.columns)
        self._label = settings.label or "label"
        self._time = settings.time
        self._no_features = {self._label, settings.time, settings.split.group_by, *settings.series_by}
        self._features = settings.features
        self._ignored = set(settings.ignore)

    def check_columns(self, schema: pa.Schema) -> tuple[str, ...]:
        """Refuse a table that lacks columns, and return those that are used and that the pinned schema does not know.

        Raises:
            DataError: A column of the schema is missing, or holds something else altogether.
        """
        if not self._is_pinned:
            return ()
        missing = [name for name in self._expected if self._is_used(name) and name not in schema.names]
        if missing:
            unknown = [name for name in schema.names if name not in self._expected]
            near = {name: closest(name, unknown) for name in missing}
            likely = [f"for '{name}': {found}" for name, found in near.items() if found.startswith("did you mean")]
            raise DataError(
                f"the data lack {_some(missing)}, which the schema of data.schema_file has.",
                hint="; ".join(likely[:3]) or "bring them, put them in data.ignore, or take them out of the schema.",
            )
        for name, column in self._expected.items():
            if self._is_used(name) and column.type not in _fitting(schema.field(name).type):
                raise DataError(
                    f"the column '{name}' holds {schema.field(name).type}, and by the schema of data.schema_file it is "
                    f"of type {column.type}.",
                    hint=f"mend the data, or if it is meant to be so, set its type in the schema: "
                    f"{' or '.join(_fitting(schema.field(name).type))}.",
                )
        return tuple(name for name in schema.names if self._is_used(name) and name not in self._expected)

    def used(self, columns: pa.RecordBatch) -> pa.RecordBatch:
        """Return the columns that are used, which are all that a profile needs."""
        return columns.select([name for name in columns.schema.names if self._is_used(name)])

    def problems(self, batch: Batch) -> list[Problem]:
        """Find what is wrong with the rows of a batch, beyond what its reader found. Safe to call from threads."""
        found: list[Problem] = []
        for i, name in enumerate(batch.columns.schema.names):
            if not self._is_used(name):
                continue
            column, values = self._expected.get(name), batch.columns.column(i)
            is_feature = name not in self._no_features
            if _is_number(values.type):
                found += _number_problems(name, values, column, is_feature)
            elif column is not None and column.categories is not None:
                found += _category_problems(name, values, column.categories)
            # A missing label or time is found by what reads labels and times.
            if column is not None and column.max_missing_share == 0 and name not in (self._label, self._time):
                reported = [problem.rows for problem in batch.problems if problem.column == name]
                found += _missing_problems(name, values, reported)
        return found

    def after(self, profile: TableProfile) -> list[Anomaly]:
        """Find what can only be said of whole columns: too many values missing. For `Anomalies.of_columns`.

        Args:
            profile: That of all rows.
        """
        found = []
        for name, column in self._expected.items():
            allowed, seen = column.max_missing_share, profile.columns.get(name)
            if not self._is_used(name) or not allowed or seen is None or seen.missing_share <= allowed:
                continue
            reason = f"{seen.missing_share:.2%} of the values are missing, and at most {allowed:.2%} may be"
            first = (BadExample(where="all rows", reason=reason),)
            found.append(Anomaly(column=name, kind="missing", count=seen.num_missing, first=first))
        return found

    def _is_used(self, name: str) -> bool:
        if name in self._no_features:
            return True
        return name in self._features if self._features is not None else name not in self._ignored


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:5])) + (", …" if len(names) > 5 else "")
    return f"the column {shown}" if len(names) == 1 else f"{len(names)} columns, {shown}"


def _fitting(kind: pa.DataType) -> tuple[ColumnType, ...]:
    if pa.types.is_dictionary(kind):
        return _fitting(kind.value_type)
    of_kind = (types for tests, types in _FITTING if any(getattr(pa.types, test)(kind) for test in tests))
    return next(of_kind, ("other",))


def _is_number(kind: pa.DataType) -> bool:
    tests = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(test(kind) for test in tests)


def _number_problems(name: str, values: pa.Array, column: SourceColumn | None, is_feature: bool) -> Iterator[Problem]:
    """Find infinite numbers, fractions where there are to be none, and numbers outside the range."""
    if not len(values):
        return
    numbers_N = raw_numbers(values)
    find = _Finder(name, numbers_N, is_known(values) if values.null_count else None)
    is_float = numbers_N.dtype.kind == "f"
    smallest, largest = np.fmin.reduce(numbers_N), np.fmax.reduce(numbers_N)
    is_infinite_N: np.ndarray | bool = False
    if is_float and not -MAX_FLOAT32 <= smallest <= largest <= MAX_FLOAT32:
        is_infinite_N = np.abs(numbers_N) > MAX_FLOAT32
        if is_feature:
            yield from find("infinite", is_infinite_N, _infinite)
    if column is None:
        return
    if column.type == "category" and column.categories is not None:
        yield from _category_problems(name, values, column.categories)
    if column.type == "boolean":
        is_bad_N = (numbers_N != 0) & (numbers_N != 1) & ~np.isnan(numbers_N)
        yield from find("type", is_bad_N & ~np.asarray(is_infinite_N), lambda number: f"{number} is not 0 or 1")
    if column.type == "integer" and is_float:
        is_bad_N = (numbers_N != np.rint(numbers_N)) & ~np.isnan(numbers_N)
        yield from find("type", is_bad_N, lambda number: f"{number} is no whole number")
    low, high = column.min, column.max
    # As arrays, the bounds keep their precision beside float32.
    if low is not None and smallest < low:
        is_bad_N = (numbers_N < np.asarray(low)) & ~np.asarray(is_infinite_N)
        yield from find("range", is_bad_N, lambda number: f"{number} is below {low}")
    if high is not None and largest > high:
        is_bad_N = (numbers_N > np.asarray(high)) & ~np.asarray(is_infinite_N)
        yield from find("range", is_bad_N, lambda number: f"{number} is above {high}")


@dataclass(frozen=True)
class _Finder:
    """Makes problems of one column of numbers, shape (N,) each."""

    column: str
    numbers: np.ndarray
    is_known: np.ndarray | None

    def __call__(self, kind: AnomalyKind, is_bad_N: np.ndarray, reason: Callable[[Any], str]) -> Iterator[Problem]:
        rows = np.flatnonzero(is_bad_N if self.is_known is None else is_bad_N & self.is_known)
        if len(rows):
            bad_values = self.numbers[rows]
            yield Problem(kind, self.column, rows, lambda i: reason(bad_values[i].item()))


def _infinite(number: float) -> str:
    return f"{number:g} is too large for a 32-bit float" if np.isfinite(number) else f"{number} is no finite number"


def _category_problems(name: str, values: pa.Array, categories: tuple[str, ...]) -> Iterator[Problem]:
    words = values.cast(pa.string())
    is_allowed = pc.is_in(words, value_set=pa.array(["", *categories], pa.string()))
    rows = np.flatnonzero(~is_true(is_allowed) & is_known(words))
    if len(rows):
        bad_words = words.take(row_numbers(rows))
        yield Problem("category", name, rows, lambda i: _not_among(bad_words[i].as_py(), categories))


def _not_among(word: str, categories: tuple[str, ...]) -> str:
    if len(categories) <= 5:
        return f"{word!r} is not one of {', '.join(map(repr, categories))}"
    return f"{word!r} is not one of the {len(categories)} categories; {closest(word, list(categories))}".rstrip(".")


def _missing_problems(name: str, values: pa.Array, reported: list[np.ndarray]) -> Iterator[Problem]:
    is_missing_N = ~is_known(values)
    if pa.types.is_floating(values.type):
        is_missing_N |= np.isnan(raw_numbers(values))
    elif "category" in _fitting(values.type) and not _is_number(values.type):
        is_missing_N |= is_true(pc.fill_null(pc.equal(values.cast(pa.string()), ""), False))
    for rows in reported:
        is_missing_N[rows] = False
    rows = np.flatnonzero(is_missing_N)
    if len(rows):
        yield Problem("missing", name, rows, lambda i: "the value is missing")
