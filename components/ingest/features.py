"""Which columns are features, which of them are numbers and which words, and their values as arrays."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.tables import as_numpy, check_column
from estafet.errors import ConfigError, DataError
from estafet.runfile.data import Data

RESERVED = ("label", "prediction", "confidence", "request_id", "ts")
"""Names that reports and the request log use for columns of their own."""


def feature_names(columns: list[str], settings: Data) -> list[str]:
    """Return the columns to learn from, in the data's order or the run file's.

    Raises:
        ConfigError: A column that the run file names is not there, or there is no feature.
    """
    for key in ("label", "time"):
        if getattr(settings, key) is not None:
            check_column(columns, getattr(settings, key), f"data.{key}")
    for key in ("features", "ignore"):
        for name in getattr(settings, key) or ():
            check_column(columns, name, f"data.{key}")
    apart = {settings.label, settings.time}
    if settings.features is not None:
        both = [name for name in settings.features if name in apart]
        if both:
            raise ConfigError(f"'{both[0]}' is a feature and the label or time.", hint="take it out of data.features.")
        names = list(settings.features)
    else:
        names = [name for name in columns if name not in apart and name not in settings.ignore]
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


def divide(table: pa.Table, names: list[str]) -> tuple[list[str], list[str]]:
    """Divide features into those that hold numbers and those that hold words.

    Raises:
        DataError: A column holds something else, such as times or lists.
    """
    numeric, categorical = [], []
    for name in names:
        kind = table.schema.field(name).type
        if is_numeric(kind):
            numeric.append(name)
        elif is_text(kind):
            categorical.append(name)
        else:
            raise DataError(
                f"column '{name}' holds {kind}, which is neither a number nor a word.",
                hint=f"put it in data.ignore: [{name}], turn it into numbers, or name it as data.time.",
            )
    return numeric, categorical


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds words, plainly or as a dictionary."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def numbers(column: pa.ChunkedArray) -> np.ndarray:
    """Return a numeric column as float64 (N,), missing values as NaN."""
    kind = column.type
    if pa.types.is_boolean(kind):
        column = pc.cast(column, pa.int8())
    return as_numpy(pc.cast(column, pa.float64(), safe=False), missing=np.nan)


def words(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column of words as UTF-8, objects of type bytes (N,), missing values as the empty string."""
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column.cast(pa.string()))
    merged = pa.concat_arrays(column.unify_dictionaries().chunks)
    known = [b"" if word is None else word.encode() for word in merged.dictionary.to_pylist()]
    table = np.empty(len(known) + 1, dtype=object)
    table[:] = [*known, b""]
    return table[as_numpy(merged.indices.cast(pa.int64()), missing=len(known))]


def numeric_matrix(table: pa.Table, names: list[str]) -> np.ndarray:
    """Return numeric columns side by side, float32 (N, K).

    Infinities, and numbers too large for float32, count as missing; NaN has one bit pattern, and zero no sign.
    """
    values_NK = np.empty((len(table), len(names)), np.float32)
    with np.errstate(over="ignore"):
        for i, name in enumerate(names):
            values_NK[:, i] = numbers(table.column(name))
    values_NK[~np.isfinite(values_NK)] = np.nan
    return values_NK + np.float32(0)


def word_matrix(table: pa.Table, names: list[str]) -> np.ndarray:
    """Return columns of words side by side, objects of type bytes (N, K)."""
    values_NK = np.empty((len(table), len(names)), dtype=object)
    for i, name in enumerate(names):
        values_NK[:, i] = words(table.column(name))
    return values_NK
