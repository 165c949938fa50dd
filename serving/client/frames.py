"""What a caller asks about, as arrays: a frame, columns or rows become one array for each input of the model."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from estafet.errors import DataError
from serving.server.signature import NUMPY_TYPES, Signature, TensorSpec

MAX_SHOWN = 10


def is_frame(inputs: object) -> bool:
    """Whether it is a pandas DataFrame; asking does not import pandas."""
    return hasattr(inputs, "columns") and hasattr(inputs, "to_numpy") and hasattr(inputs, "index")


def columns_of(inputs: Any, signature: Signature) -> dict[str, np.ndarray]:
    """Return one array for each input.

    Args:
        inputs: A frame, whose other columns are passed over; arrays by input name; or rows: values by input name, or
            bare values where the model has one input.
        signature: What the model takes.

    Returns:
        Arrays of the model's types; words as bytes objects.

    Raises:
        DataError: An input is missing, or not of the model's type.
    """
    if is_frame(inputs):
        _check_names(inputs.columns, signature, may_have_more=True)
        given = {name: inputs[name].to_numpy() for name in signature.inputs}
    elif isinstance(inputs, Mapping):
        _check_names(inputs, signature)
        given = dict(inputs)
    else:
        given = _turned(list(inputs), signature)
    return {name: to_array(given[name], name, signature.inputs[name]) for name in given}


def to_array(values: object, name: str, spec: TensorSpec) -> np.ndarray:
    """Return an input's values as an array of the model's type.

    A missing number becomes NaN, a missing word the empty text; a column of single values gets the last axis of size 1
    that some models have.

    Raises:
        DataError: A value is of another type.
    """
    array = values if isinstance(values, np.ndarray) else _array(values, name, spec)
    if array.dtype.kind == "O" and array.size and isinstance(array.reshape(-1)[0], (list, tuple, np.ndarray)):
        array = _array([_listed(value) for value in array.tolist()], name, spec)  # a frame's cells that hold lists
    array = _words(array, name) if spec.dtype == "string" else _numbers(array, name, spec)
    shape = spec.shape
    if shape is not None and array.ndim == len(shape) - 1 and array.ndim and shape[-1] == 1:
        array = array[..., np.newaxis]
    return array


def _check_names(given: Iterable[object], signature: Signature, *, may_have_more: bool = False) -> None:
    names = list(given)
    missing = [name for name in signature.inputs if name not in names]
    extra = [] if may_have_more else [str(name) for name in names if name not in signature.inputs]
    if missing:
        raise DataError(
            f"the model takes {_few(missing)}, which {'is' if len(missing) == 1 else 'are'} not given.",
            hint=f"given: {_few([str(name) for name in names]) or 'nothing'}; name them as in the training data.",
        )
    if extra:
        raise DataError(f"the model takes no {_few(extra)}.", hint=f"it takes {_few(list(signature.inputs))}.")


def _turned(rows: Sequence[object], signature: Signature) -> dict[str, list[object]]:
    names = list(signature.inputs)
    if len(names) == 1 and not all(isinstance(row, Mapping) and names[0] in row for row in rows):
        return {names[0]: list(rows)}
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise DataError(f"row {number} is {row!r:.60}; the model has several inputs: {_few(names)}.")
        _check_names(row, signature)
    return {name: [row[name] for row in rows] for name in names}


def _array(values: object, name: str, spec: TensorSpec) -> np.ndarray:
    listed = _listed(values)
    try:
        if spec.dtype == "string":
            return _nested_objects(listed)
        return np.array(listed)
    except ValueError as error:
        raise DataError(
            f"the rows of '{name}' have different lengths.", hint="give every row as many values."
        ) from error


def _listed(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        return values.tolist()
    return [_listed(value) for value in values] if isinstance(values, (list, tuple)) else values


def _nested_objects(values: Any) -> np.ndarray:
    """Return nested lists as an array of objects; NumPy alone would look into texts and dictionaries, or not enough."""
    shape, inner = [], values
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    array = np.empty(shape, dtype=object)
    if array.size:
        array[...] = np.array(values, dtype=object).reshape(shape)
    return array


def _words(array: np.ndarray, name: str) -> np.ndarray:
    found = np.empty(array.shape, dtype=object)
    flat = found.reshape(-1)
    for position, value in enumerate(array.reshape(-1).tolist()):
        flat[position] = _bytes(value, name, position)
    return found


def _bytes(value: object, name: str, position: int) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if _is_missing(value):
        return b""
    if isinstance(value, Mapping) and list(value) == ["b64"]:
        return base64.b64decode(str(value["b64"]))
    raise DataError(
        f"'{name}' takes words, and value {position} is {value!r:.60}.",
        hint="write it as text, as in the training data.",
    )


def _numbers(array: np.ndarray, name: str, spec: TensorSpec) -> np.ndarray:
    if spec.dtype not in NUMPY_TYPES:
        raise DataError(f"'{name}' is of type {spec.dtype}, which this client cannot send.")
    wanted = np.dtype(NUMPY_TYPES[spec.dtype])
    if array.dtype == wanted:
        return array
    if array.dtype.kind not in "OSUbiufc":
        raise _wrong(array, name, spec)
    if array.dtype.kind in "OSU":
        array = _numbers_of_objects(array, name, spec)
    if wanted.kind in "iu" and array.dtype.kind == "f" and not np.all(array == np.floor(array)):
        raise DataError(f"'{name}' takes whole numbers, and has fractions or missing values.")
    if (wanted.kind == "b") != (array.dtype.kind == "b") and array.size:
        raise _wrong(array, name, spec)
    if wanted.kind in "iu" and array.size and not _fits(array, wanted):
        raise DataError(f"'{name}' is of type {spec.dtype}, and {array.max()} or {array.min()} does not fit into it.")
    with np.errstate(over="ignore"):
        return array.astype(wanted)


def _numbers_of_objects(array: np.ndarray, name: str, spec: TensorSpec) -> np.ndarray:
    values = [np.nan if _is_missing(value) else value for value in array.reshape(-1).tolist()]
    wrong = next((value for value in values if not isinstance(value, (bool, int, float, complex))), None)
    if wrong is not None:
        raise _wrong(wrong, name, spec)
    return np.array(values or np.empty(0)).reshape(array.shape)


def _fits(array: np.ndarray, wanted: np.dtype) -> bool:
    limits = np.iinfo(wanted)
    return int(array.min()) >= limits.min and int(array.max()) <= limits.max


def _is_missing(value: object) -> bool:
    """Whether it is None, NaN, or pandas' NA or NaT, without importing pandas."""
    return (
        value is None or (isinstance(value, float) and value != value) or type(value).__name__ in ("NAType", "NaTType")
    )


def _wrong(given: object, name: str, spec: TensorSpec) -> DataError:
    shown = given.dtype.name if isinstance(given, np.ndarray) else f"{given!r:.60}"
    return DataError(
        f"'{name}' is of type {spec.dtype}, and {shown} was given.", hint="give numbers; a missing one is NaN or empty."
    )


def _few(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:MAX_SHOWN])
    return shown + (f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else "")
