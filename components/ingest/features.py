"""Which columns are features, which of them are numbers and which words, and their values as arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.columns import as_numpy, check_column
from estafet.errors import ConfigError, DataError
from estafet.runfile.data import Data

ROWS_AT_ONCE = 16_384
RESERVED = ("label", "prediction", "confidence", "request_id", "ts")
"""Names that reports and the request log use for columns of their own."""


def feature_names(columns: list[str], settings: Data) -> list[str]:
    """Return the columns to learn from, in the data's order or the run file's.

    Raises:
        ConfigError: A column that the run file names is not there, or there is no feature.
    """
    named = {"label": settings.label, "time": settings.time, "split.group_by": settings.split.group_by}
    for key, name in named.items():
        if name is not None:
            check_column(columns, name, f"data.{key}")
    for key in ("features", "ignore", "series_by"):
        for name in getattr(settings, key) or ():
            check_column(columns, name, f"data.{key}")
    apart = {*named.values(), *settings.series_by}
    if settings.features is not None:
        both = [name for name in settings.features if name in apart]
        if both:
            raise ConfigError(
                f"'{both[0]}' is a feature, and the label, the time or what keeps rows together as well.",
                hint="take it out of data.features.",
            )
        names = list(settings.features)
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ConfigError(f"data.features names '{twice}' twice.", hint="take one of the two out.")
    else:
        names = [name for name in columns if name not in apart and name not in settings.ignore]
    if "" in names:
        raise ConfigError(
            f"column {columns.index('') + 1} of the data has no name, and a feature needs one.",
            hint='name it, or put it in data.ignore: [""]; if it numbers the rows, pandas leaves it out with '
            "to_csv(index=False).",
        )
    taken = [name for name in names if name in RESERVED]
    if taken:
        raise ConfigError(
            f"the column '{taken[0]}' cannot be a feature: reports and the request log use that name.",
            hint=f"rename it, set data.label: {taken[0]} if it is to be predicted, or put it in data.ignore.",
        )
    return names


def is_numeric(kind: pa.DataType) -> bool:
    """Whether a column holds numbers (or truth values, or nothing at all)."""
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean, pa.types.is_null)
    return any(test(kind) for test in tests)


def divide(schema: pa.Schema, names: Sequence[str], texts: Sequence[str] = ()) -> tuple[list[str], list[str]]:
    """Divide features into those that hold numbers and those that hold words.

    Args:
        schema: The table's columns.
        names: The features.
        texts: Those that are text even where no row has any.

    Raises:
        DataError: A column holds something else, such as times or lists.
    """
    numeric, categorical = [], []
    for name in names:
        kind = schema.field(name).type
        if is_numeric(kind) and name not in texts:
            numeric.append(name)
        elif is_text(kind) or name in texts:
            categorical.append(name)
        else:
            or_time = ", or name it as data.time" if pa.types.is_timestamp(kind) or pa.types.is_date(kind) else ""
            raise DataError(
                f"column '{name}' holds {kind}, which is neither a number nor a word.",
                hint=f"put it in data.ignore: [{name}], turn it into numbers{or_time}.",
            )
    return numeric, categorical


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds words, plainly or as a dictionary."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def numbers(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Return a numeric column as float32 or float64 (N,), missing values as NaN."""
    if pa.types.is_float32(column.type) or pa.types.is_float64(column.type):
        return as_numpy(column, missing=np.nan)
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int8())
    return as_numpy(pc.cast(column, pa.float64(), safe=False), missing=np.nan)


def numeric_matrix(columns: pa.RecordBatch | pa.Table, names: Sequence[str]) -> np.ndarray:
    """Return numeric columns side by side, float32 (N, K).

    Infinities, and numbers too large for float32, count as missing; NaN has one bit pattern, and zero no sign.
    """
    values_NK = np.empty((columns.num_rows, len(names)), np.float32)
    arrays = [numbers(columns.column(name)) for name in names]
    # Column by column within blocks that stay in the cache, and then across.
    for start in range(0, columns.num_rows, ROWS_AT_ONCE):
        block_NK = values_NK[start : start + ROWS_AT_ONCE]
        block_KN = np.empty((len(names), len(block_NK)), np.float32)
        with np.errstate(over="ignore"):
            for values_N, array in zip(block_KN, arrays, strict=True):
                values_N[:] = array[start : start + ROWS_AT_ONCE]
        np.putmask(block_KN, ~np.isfinite(block_KN), np.float32(np.nan))
        block_KN += np.float32(0)
        block_NK[:] = block_KN.T
    return values_NK


def integer_matrix(columns: pa.RecordBatch, names: Sequence[str], missing: int) -> np.ndarray:
    """Return columns of whole numbers side by side, int64 (N, K).

    Args:
        columns: The batch.
        names: Columns of integers or truth values.
        missing: What stands for a missing value.
    """
    values_NK = np.empty((columns.num_rows, len(names)), np.int64)
    for i, name in enumerate(names):
        column = columns.column(name)
        if pa.types.is_boolean(column.type):
            column = pc.cast(column, pa.uint8())
        values_NK[:, i] = as_numpy(pc.cast(column, pa.int64()), missing=missing)
    return values_NK


def words(column: pa.Array) -> pa.Array:
    """Return a column of words as plain UTF-8 (N,)."""
    return column.cast(pa.string())
