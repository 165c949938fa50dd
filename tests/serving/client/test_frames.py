"""Values as a caller has them become arrays as a model takes them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from estafet.errors import DataError
from serving.client.frames import columns_of, to_array
from serving.server.signature import Signature, TensorSpec


def spec(dtype, *shape):
    return TensorSpec("", dtype, (None, *shape))


def test_words_become_bytes_and_missing_ones_are_empty():
    array = to_array(["ä", b"\xff", None, float("nan"), pd.NA], "w", spec("string"))

    assert array.tolist() == ["ä".encode(), b"\xff", b"", b"", b""]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, 2], "float", np.float32([1, 2])),
        ([1.0, 2.0], "int64", np.int64([1, 2])),
        ([2**53 + 1], "int64", np.int64([2**53 + 1])),
        ([2**64 - 1], "uint64", np.uint64([2**64 - 1])),
        ([None, 3], "float", np.float32([np.nan, 3])),
        ([True, False], "bool", np.array([True, False])),
    ],
)
def test_numbers_become_the_models_type(values, dtype, expected):
    array = to_array(values, "n", spec(dtype))

    assert array.dtype == expected.dtype
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("values", "dtype", "said"),
    [
        ([1.5], "int32", "takes whole numbers"),
        ([None], "int64", "takes whole numbers"),
        ([300], "uint8", "300 or 300 does not fit"),
        ([-1], "uint64", "-1 or -1 does not fit"),
        ([1], "bool", "is of type bool, and int64 was given"),
        (["7"], "float", "is of type float, and '7' was given"),
        ([7], "string", "takes words, and value 0 is 7"),
        ([[1, 2], [3]], "float", "have different lengths"),
        (pd.to_datetime(["2026-01-01"]).to_numpy(), "float", "datetime64"),
    ],
)
def test_a_wrong_value_is_named(values, dtype, said):
    with pytest.raises(DataError, match=said):
        to_array(values, "v", spec(dtype))


def test_a_column_gets_the_last_axis_that_some_models_have():
    assert to_array([1.0, 2.0], "x", spec("float", 1)).shape == (2, 1)
    assert to_array(["a", "b"], "x", spec("string", 1)).shape == (2, 1)


def test_cells_that_hold_lists_become_axes():
    signature = Signature({"values": spec("float", 2, 1), "tags": spec("string", 2)}, {})
    frame = pd.DataFrame({"values": [[[1], [2]], np.array([[3.0], [4.0]])], "tags": [["a", "b"], ["c", "d"]]})

    columns = columns_of(frame, signature)

    assert columns["values"].tolist() == [[[1], [2]], [[3], [4]]]
    assert columns["tags"].tolist() == [[b"a", b"b"], [b"c", b"d"]]


def test_nullable_columns_of_pandas_are_read():
    frame = pd.DataFrame({"x": pd.array([1, None], dtype="Int64"), "w": pd.array(["a", None], dtype="string")})

    columns = columns_of(frame, Signature({"w": spec("string"), "x": spec("float")}, {}))

    np.testing.assert_array_equal(columns["x"], np.float32([1, np.nan]))
    assert columns["w"].tolist() == [b"a", b""]


def test_rows_become_columns():
    signature = Signature({"a": spec("float"), "b": spec("string")}, {})

    columns = columns_of([{"a": 1, "b": "x"}, {"b": "y", "a": 2}], signature)

    assert (columns["a"].tolist(), columns["b"].tolist()) == ([1, 2], [b"x", b"y"])
    with pytest.raises(DataError, match="row 1 is 5"):
        columns_of([{"a": 1, "b": "x"}, 5], signature)


def test_no_rows_are_empty_arrays():
    array = to_array([], "x", spec("float"))

    assert (array.shape, array.dtype) == ((0,), np.float32)
