"""A column of times: seconds or microseconds since 1970, or whole numbers as they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.columns import as_numpy
from components.ingest.dates import MISSING, Texts, one_form_hint
from estafet.errors import DataError

SECOND_US = 1_000_000


def seconds(column: pa.ChunkedArray | pa.Array, name: str, where: Callable[[int], str]) -> np.ndarray:
    """Return times as int64 (N,): seconds since 1970 in UTC, or whole numbers as they are.

    Args:
        column: Timestamps, dates, whole numbers, or text such as 2026-11-20, 2026-11, 2026-11-20T08:00+02:00 or, all
            in one form that cannot be misread, 20/11/2026. Times that name no zone are taken as UTC.
        name: The column's name, for errors.
        where: Says where a row is, for errors.

    Raises:
        DataError: A time is missing, or is none.
    """
    if column.null_count:
        row = pc.index(column.is_null(), True).as_py()
        raise DataError(
            f"the time '{name}' is missing in {column.null_count:,} rows, the first being {where(row)}.",
            hint="fill it in, or remove those rows.",
        )
    reader = TimeReader(name)
    bad = reader.add(column, where)
    if len(bad):
        row = int(bad[0])
        raise DataError(f"{where(row)}: {not_a_time(column[row].as_py(), name)}.", hint=one_form_hint())
    values_N, kind = reader.finish()
    return values_N if kind == "number" else values_N // SECOND_US


def not_a_time(value: object, name: str) -> str:
    """Say that a value of a column is no time."""
    return f"{value!r} in column '{name}' is no time that can be read"


class TimeReader:
    """Reads a column of times batch by batch; what form dates have may show only in the last one."""

    def __init__(self, name: str):
        """Begin a column.

        Args:
            name: Its name, for errors.
        """
        self._name = name
        self._parts: list[np.ndarray] = []
        self._texts: Texts | None = None
        self._kind = ""

    def add(self, column: pa.ChunkedArray | pa.Array, where: Callable[[int], str]) -> np.ndarray:
        """Take in the times of some rows, and return the rows that hold something that is no time, int64.

        Raises:
            DataError: The column holds something else altogether, or dates in several forms.
        """
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks)
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        kind = column.type
        if _is_text(kind):
            self._texts = self._texts or Texts(self._name)
            return self._texts.add(column.cast(pa.string()), where)
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            self._kind = "utc" if getattr(kind, "tz", None) else "local"
            plain = pc.cast(column, pa.timestamp("us", getattr(kind, "tz", None)), safe=False)
            self._parts.append(as_numpy(pc.cast(plain, pa.int64()), missing=MISSING))
            return np.zeros(0, np.int64)
        self._kind = "number"
        return self._add_numbers(column)

    def finish(self) -> tuple[np.ndarray, str]:
        """Return all times, and of what kind they are.

        Returns:
            Microseconds since 1970, or whole numbers as they came, int64 (N,), `MISSING` where there is none; and
            `utc`, `local` where no time zone is named, or `number`.

        Raises:
            DataError: Dates may be meant day first or month first.
        """
        if self._texts is not None:
            return self._texts.finish()
        return np.concatenate([np.zeros(0, np.int64), *self._parts]), self._kind or "local"

    def _add_numbers(self, column: pa.Array) -> np.ndarray:
        kind = column.type
        if pa.types.is_integer(kind):
            self._parts.append(as_numpy(pc.cast(column, pa.int64()), missing=MISSING))
            return np.zeros(0, np.int64)
        if pa.types.is_null(kind):
            self._parts.append(np.full(len(column), MISSING))
            return np.zeros(0, np.int64)
        if not (pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            raise DataError(
                f"the time '{self._name}' is a column of {kind}.",
                hint="set data.time to a column of timestamps, dates, whole numbers or text such as 2026-11-20.",
            )
        values_N = as_numpy(pc.cast(column, pa.float64(), safe=False), missing=np.nan)
        is_whole_N = np.isfinite(values_N) & (values_N % 1 == 0) & (np.abs(values_N) < 2.0**63)
        self._parts.append(np.where(is_whole_N, values_N, MISSING).astype(np.int64))
        return np.flatnonzero(~is_whole_N & ~np.isnan(values_N))


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
