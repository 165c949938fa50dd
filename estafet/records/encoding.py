"""Columns to framed `tf.train.Example` records, many rows at a time and without TensorFlow.

Where all columns are numbers and none is missing, the rows have one length, and `fixed` writes them; all others are
put together from pieces by `varying`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from estafet.records import fixed, varying
from estafet.records.protobuf import int_width

__all__ = ["encode", "int_width"]


def encode(
    columns: Mapping[str, np.ndarray | pa.Array | Sequence[Any]],
    *,
    widths: Mapping[str, int | Sequence[int]] | None = None,
) -> memoryview:
    """Return one framed `tf.train.Example` for each row.

    Args:
        columns: For each key its values in N rows:

            - a NumPy array (N,) or (N, K): floats (written as float32), integers or booleans (int64), or objects that
              are bytes;
            - an Arrow array of numbers, booleans, strings or binary, or of a dictionary of the latter two; where it is
              null, the row has no such key;
            - an Arrow array of lists of those, of any lengths; where it is null, the row has no such key;
            - a sequence of K such arrays, not of lists: K values in one key, where null is NaN or the empty string.
        widths: For integer keys the number of bytes that each value takes (see `int_width`), one for all K or one for
            each; a key that is not there takes what its values in this call need. With the same widths, equal rows get
            equal bytes in every call.

    Raises:
        ValueError: The columns have different lengths, there is none, or an integer does not fit.
        TypeError: A column's type has no place in an example.
    """
    widths = widths or {}
    lengths = {_num_rows(values) for values in columns.values()}
    if len(lengths) != 1:
        raise ValueError(f"the columns must have one length, not {sorted(lengths)}")
    num_rows = lengths.pop()
    if not num_rows:
        return memoryview(b"")
    numbers: list[fixed.Numbers] = []
    pieces: list[varying.Piece] = []
    for name in sorted(columns):
        found = _encoded(name, columns[name], widths.get(name))
        if isinstance(found, fixed.Numbers):
            numbers.append(found)
        else:
            pieces += found
    if not pieces:
        return memoryview(fixed.framed_rows(numbers, num_rows).reshape(-1))
    if numbers:
        pieces.insert(0, varying.fixed_piece(numbers, num_rows))
    return memoryview(varying.framed_rows(pieces))


def _num_rows(values: np.ndarray | pa.Array | Sequence[Any]) -> int:
    if not isinstance(values, list | tuple):
        return len(values)
    lengths = {len(column) for column in values}
    if len(lengths) != 1:
        raise ValueError(f"the columns of one key must have one length, not {sorted(lengths)}")
    return lengths.pop()


def _encoded(
    name: str, values: np.ndarray | pa.Array | Sequence[Any], widths: int | Sequence[int] | None
) -> fixed.Numbers | list[varying.Piece]:
    if isinstance(values, np.ndarray) and values.ndim > 1:
        values = values.reshape(len(values), -1)
        if values.dtype.kind != "O":
            return fixed.Numbers.of(name, _column(name, values), widths)
        values = list(values.T)
    if isinstance(values, list | tuple):
        columns = [_column(name, column) for column in values]
        if any(_is_words(column) for column in columns):
            return varying.words_pieces(name, columns)
        return fixed.Numbers.of(name, [_without_null(name, column) for column in columns], widths)
    column = _column(name, values)
    if isinstance(column, np.ndarray):
        return fixed.Numbers.of(name, [column], widths)
    if _is_words(column):
        return [varying.word_piece(name, column)]
    if _is_list(column.type):
        return _list_pieces(name, column, widths)
    present = fixed.Numbers.of(name, [column.drop_null().to_numpy(zero_copy_only=False)], widths)
    return [varying.number_piece(present, _is_there(column))]


def _list_pieces(name: str, column: pa.Array, width: int | None) -> list[varying.Piece]:
    counts_N = pc.list_value_length(column).fill_null(0).cast(pa.int64()).to_numpy()
    values = _column(name, column.flatten())
    if _is_words(values):
        return varying.word_lists_pieces(name, values, counts_N, _is_there(column))
    return varying.number_lists_pieces(name, _without_null(name, values), counts_N, _is_there(column), width)


def _is_there(values: pa.Array) -> np.ndarray:
    return values.is_valid().to_numpy(zero_copy_only=False)


def _column(name: str, values: np.ndarray | pa.Array | pa.ChunkedArray) -> np.ndarray | pa.Array:
    """Return numbers as a NumPy array, unless there is a null; objects, words and lists as an Arrow array.

    Raises:
        TypeError: They are nothing of that.
    """
    if isinstance(values, np.ndarray):
        if values.dtype.kind in "fiub":
            return values
        if values.dtype.kind == "O":
            return pa.array(values.tolist(), pa.large_binary())
        raise TypeError(f"column '{name}' of type {values.dtype} has no place in an example")
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_dictionary(values.type) and not _is_word_type(values.type.value_type):
        values = values.dictionary_decode()
    if _is_number_type(values.type):
        return values if values.null_count else values.to_numpy(zero_copy_only=False)
    if _is_words(values) or _is_list(values.type):
        return values
    raise TypeError(f"column '{name}' of type {values.type} has no place in an example")


def _without_null(name: str, values: np.ndarray | pa.Array) -> np.ndarray:
    """Return numbers as a NumPy array, missing ones as NaN.

    Raises:
        ValueError: An integer or a boolean is missing.
    """
    if isinstance(values, np.ndarray):
        return values
    if pa.types.is_floating(values.type):
        return values.to_numpy(zero_copy_only=False)
    raise ValueError(f"column '{name}' of type {values.type} has a null where there must be a number")


def _is_words(values: np.ndarray | pa.Array) -> bool:
    if isinstance(values, np.ndarray):
        return False
    return _is_word_type(values.type) or pa.types.is_dictionary(values.type)


def _is_word_type(data_type: pa.DataType) -> bool:
    is_text = pa.types.is_string(data_type) or pa.types.is_large_string(data_type)
    is_binary = pa.types.is_binary(data_type) or pa.types.is_large_binary(data_type)
    return is_text or is_binary or pa.types.is_null(data_type)


def _is_number_type(data_type: pa.DataType) -> bool:
    return pa.types.is_integer(data_type) or pa.types.is_floating(data_type) or pa.types.is_boolean(data_type)


def _is_list(data_type: pa.DataType) -> bool:
    return pa.types.is_list(data_type) or pa.types.is_large_list(data_type) or pa.types.is_fixed_size_list(data_type)
