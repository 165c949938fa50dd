"""A column of times as seconds since 1970."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.tables import as_numpy
from estafet.errors import DataError


def seconds(column: pa.ChunkedArray, name: str, where: Callable[[int], str]) -> np.ndarray:
    """Return times as int64 (N,): seconds since 1970 in UTC, or whole numbers as they are.

    Args:
        column: Timestamps, dates, whole numbers, or text such as 2026-11-20, 2026-11 or 2026-11-20T08:00.
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
    if pa.types.is_integer(column.type):
        return as_numpy(pc.cast(column, pa.int64()))
    if pa.types.is_floating(column.type) and np.all(as_numpy(column) % 1 == 0):
        return as_numpy(column).astype(np.int64)
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return as_numpy(pc.cast(column, pa.timestamp("s"), safe=False).cast(pa.int64()))
    return _parse(column.cast(pa.string()).to_pylist(), name, where)


def _parse(texts: list[str], name: str, where: Callable[[int], str]) -> np.ndarray:
    times_N = np.empty(len(texts), np.int64)
    for row, text in enumerate(texts):
        try:
            times_N[row] = np.datetime64(text.strip(), "s").astype(np.int64)
        except ValueError as error:
            raise DataError(
                f"{where(row)}: {text!r} in column '{name}' is no time that can be read.",
                hint="write times like 2026-11-20 or 2026-11-20T08:00:00, or as whole numbers.",
            ) from error
    return times_N
