"""Turns JSON values into arrays as TensorFlow Serving does, and words what does not fit as it does."""

from __future__ import annotations

import base64
import binascii
from itertools import chain
from typing import Any

import numpy as np

from serving.server.rest.json_writing import shown, type_name
from serving.server.signature import NUMPY_TYPES
from serving.server.status import Code, StatusError, invalid

_INTEGER_RANGES = {
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), (-(2**31), 2**31 - 1)),
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
_FLOATS = ("float", "double")
_NUMBERS = frozenset((float, int))
MAX_DIMS = 64
"""NumPy's own limit; TensorFlow's is 254."""
_KNOWN = (*_INTEGER_RANGES, *_FLOATS, "bool", "string")


def to_array(value: Any, dtype: str) -> np.ndarray:
    """Return a JSON value as an array; its shape is that of the lists along their first elements.

    Args:
        value: Numbers, booleans, strings or `{"b64": …}`, in lists nested to any depth, or one alone.
        dtype: TensorFlow's name of the type.

    Raises:
        StatusError: INVALID_ARGUMENT where the lists are ragged or an element does not fit, UNIMPLEMENTED for a
            type that JSON has no form for.
    """
    if dtype in _FLOATS:
        array = _plain_floats(value, dtype)
        if array is not None:
            return array
    shape = shape_of(value)
    if len(shape) > MAX_DIMS:
        raise invalid(f"Lists are nested {len(shape)} levels deep; a tensor has at most {MAX_DIMS} dimensions")
    leaves = _leaves(value, shape)
    if leaves is None:
        _check_levels(value, shape, 0, dtype)
        raise invalid(f"JSON Value: {shown(value)} is not a tensor")
    if not all_fit(leaves, dtype):
        for leaf in leaves:
            _check_leaf(leaf, dtype)
    return _convert(leaves, dtype).reshape(shape)


def shape_of(value: Any) -> tuple[int, ...]:
    """Return the lengths of nested lists along their first elements."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def is_base64(value: Any) -> bool:
    """Whether a JSON value is `{"b64": "…"}`."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def all_fit(leaves: list[Any], dtype: str) -> bool:
    """Whether every element fits a type, told from the set of their Python types alone where that is enough."""
    kinds = set(map(type, leaves))
    if dtype in _FLOATS:
        return kinds <= {float, int}
    if dtype in _INTEGER_RANGES:
        lowest, highest = _INTEGER_RANGES[dtype]
        return kinds <= {int} and (not leaves or (min(leaves) >= lowest and max(leaves) <= highest))
    if dtype == "bool":
        return kinds <= {bool}
    return dtype == "string" and kinds <= {str}


def _plain_floats(value: Any, dtype: str) -> np.ndarray | None:
    """Return a list of numbers, or a list of equally long lists of them, the quick way; None where it is no such."""
    if type(value) is not list or not value:
        return None
    kinds = set(map(type, value))
    if kinds == {list}:
        kinds, sizes = set(map(type, chain.from_iterable(value))), set(map(len, value))
        if len(sizes) != 1 or sizes == {0}:
            return None
    if not kinds <= _NUMBERS:
        return None
    return _as_floats(value, dtype)


def _as_floats(values: list[Any], dtype: str) -> np.ndarray:
    array = np.array(values, dtype=np.float64)
    if dtype == "double":
        return array
    with np.errstate(over="ignore"):  # a double that float32 cannot hold becomes infinite
        return array.astype(np.float32)


def _leaves(value: Any, shape: tuple[int, ...]) -> list[Any] | None:
    """Return the elements in C order, or None where the lists are ragged."""
    level = [value]
    for size in shape:
        if set(map(type, level)) - {list} or set(map(len, level)) - {size}:
            return None
        level = list(chain.from_iterable(level))
    return None if list in set(map(type, level)) else level


def _check_levels(value: Any, shape: tuple[int, ...], level: int, dtype: str) -> None:
    """Raise what TensorFlow Serving says of the first element that is out of place."""
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {shown(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        return _check_leaf(value, dtype)
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for element in value:
        _check_levels(element, shape, level + 1, dtype)
    return None


def _check_leaf(leaf: Any, dtype: str) -> None:
    if dtype not in _KNOWN:
        raise StatusError(Code.UNIMPLEMENTED, f"Conversion of JSON Value: {shown(leaf)} to type: {dtype}")
    if dtype == "string" and isinstance(leaf, dict) and "b64" in leaf:
        if not is_base64(leaf):
            raise invalid(f"JSON Value: {shown(leaf)} not formatted correctly for base64 data")
        return
    if not all_fit([leaf], dtype):
        raise invalid(f"JSON Value: {shown(leaf)} Type: {type_name(leaf)} is not of expected type: {dtype}")


def _convert(leaves: list[Any], dtype: str) -> np.ndarray:
    if dtype == "string":
        array = np.empty(len(leaves), dtype=object)
        array[:] = [to_bytes(leaf) for leaf in leaves]
        return array
    if dtype in _FLOATS:
        return _as_floats(leaves, dtype)
    if dtype == "bool" or dtype in ("int64", "uint32", "uint64"):
        return np.array(leaves, dtype=NUMPY_TYPES[dtype])
    return np.array(leaves, dtype=np.int64).astype(NUMPY_TYPES[dtype])  # narrower types wrap, like a cast in C


def to_bytes(leaf: str | dict[str, str]) -> bytes:
    """Return what a string or `{"b64": …}` holds.

    Raises:
        StatusError: It is not base64.
    """
    if isinstance(leaf, str):
        return leaf.encode("utf-8", "surrogateescape")
    text = "".join(leaf["b64"].split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Unable to base64 decode") from error
