"""Columns of a table: whether one is there, and its numbers as an array."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.sources.find import closest
from estafet.errors import ConfigError


def check_column(columns: list[str], name: str, key: str) -> None:
    """Refuse a column that is named in the run file and is not in the data.

    Raises:
        ConfigError: It is not there; the hint names the closest one.
    """
    if name not in columns:
        raise ConfigError(
            f"the data have no column '{name}', which {key} names; they have {len(columns)} columns.",
            hint=f"{closest(name, columns)} Correct {key}.",
        )


def as_numpy(column: pa.ChunkedArray | pa.Array, missing: float = 0) -> np.ndarray:
    """Return a column of whole numbers or floats as an array (N,); Arrow's own `to_numpy` would import pandas first.

    Args:
        column: The numbers.
        missing: What stands for a missing one.
    """
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    if not column.null_count:
        return np.from_dlpack(column)
    is_known_N = np.from_dlpack(pc.cast(column.is_valid(), pa.uint8())).astype(bool)
    values_N = np.frombuffer(column.buffers()[1], column.type.to_pandas_dtype())[column.offset :][: len(column)]
    return np.where(is_known_N, values_N, np.array(missing, values_N.dtype))


def is_known(column: pa.Array) -> np.ndarray:
    """Return which rows are not null, bool (N,)."""
    if pa.types.is_null(column.type):
        return np.zeros(len(column), bool)
    bitmap = column.buffers()[0]
    if bitmap is None or not column.null_count:
        return np.ones(len(column), bool)
    first, skipped = divmod(column.offset, 8)
    whole = np.frombuffer(bitmap, np.uint8)[first : first + (skipped + len(column) + 7) // 8]
    return np.unpackbits(whole, bitorder="little")[skipped : skipped + len(column)].view(bool)


def is_true(mask: pa.Array) -> np.ndarray:
    """Return truth values, none of them null, as bool (N,)."""
    return np.from_dlpack(pc.cast(mask, pa.uint8())).view(bool)


def raw_numbers(column: pa.Array) -> np.ndarray:
    """Return a column of numbers or truth values as an array (N,) of its own type, with anything where it is null."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
    elif pa.types.is_boolean(kind):
        column = column.cast(pa.uint8())
    elif pa.types.is_decimal(kind) or pa.types.is_null(kind):
        column = column.cast(pa.float64())
    if not column.null_count:
        return np.from_dlpack(column)
    return np.frombuffer(column.buffers()[1], column.type.to_pandas_dtype())[column.offset :][: len(column)]


def row_numbers(chosen: np.ndarray) -> pa.Array:
    """Return numbers of rows as Arrow takes them; its own `array` would import pandas first.

    Args:
        chosen: The numbers, int64 (N,).
    """
    numbers = np.ascontiguousarray(chosen, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])
