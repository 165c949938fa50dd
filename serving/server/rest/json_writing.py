"""Writes JSON as TensorFlow Serving does: its number format, its layout, and NaN and infinities bare."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from serving.server.rest.numbers import NOT_FINITE, number_texts
from serving.server.status import invalid

MAX_SHOWN_BYTES = 256
_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def row_answer(outputs: dict[str, np.ndarray]) -> str:
    """Return the answer to `instances`: a list over the outputs' first dimension.

    Raises:
        StatusError: INVALID_ARGUMENT, where the outputs have no common first dimension or cannot be written.
    """
    num_rows = _num_rows(outputs)
    columns = {alias: _rows(alias, values) for alias, values in outputs.items()}
    if len(columns) == 1:
        (rows,) = columns.values()
        return f'{{\n    "predictions": [{", ".join(rows)}\n    ]\n}}'
    objects = []
    for row in range(num_rows):
        members = ",\n".join(f"            {quoted(alias)}: {rows[row]}" for alias, rows in columns.items())
        objects.append(f"\n        {{\n{members}\n        }}")
    return f'{{\n    "predictions": [{",".join(objects)}\n    ]\n}}'


def column_answer(outputs: dict[str, np.ndarray]) -> str:
    """Return the answer to `inputs`: one output as it is, several as an object.

    Raises:
        StatusError: INVALID_ARGUMENT, where an output cannot be written.
    """
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    if len(outputs) == 1:
        ((alias, values),) = outputs.items()
        return f'{{\n    "outputs": {_nested(_texts(alias, values), values.shape, 1)}\n}}'
    members = ",\n".join(
        f"        {quoted(alias)}: {_nested(_texts(alias, values), values.shape, 2)}"
        for alias, values in outputs.items()
    )
    return f'{{\n    "outputs": {{\n{members}\n    }}\n}}'


def error_answer(message: str) -> str:
    """Return the answer that says what was wrong."""
    return f'{{\n    "error": {quoted(message)}\n}}'


def quoted(text: str) -> str:
    """Return a string as JSON; only quotes, backslashes and control characters are escaped."""
    return f'"{_ESCAPED.sub(_escape, text)}"'


def shown(value: Any) -> str:
    """Return a request's value as error messages show it: arrays on one line, objects indented, cut at 256 bytes."""
    return _reprinted(value, 0)[:MAX_SHOWN_BYTES]


def type_name(value: Any) -> str:
    """Return the name of a JSON value's type as rapidjson has it."""
    if value is None or isinstance(value, bool):
        return {None: "Null", False: "False", True: "True"}[value]
    return {dict: "Object", list: "Array", str: "String"}.get(type(value), "Number")


def _num_rows(outputs: dict[str, np.ndarray]) -> int:
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    num_rows = -1
    for alias, values in outputs.items():
        if values.ndim == 0:
            raise invalid(f"Tensor name: {alias} has no shape information ")
        if num_rows not in (-1, values.shape[0]):
            raise invalid(f"Tensor name: {alias} has inconsistent batch size: {values.shape[0]} expecting: {num_rows}")
        num_rows = values.shape[0]
    return num_rows


def _rows(alias: str, values: np.ndarray) -> list[str]:
    texts = _texts(alias, values)
    if values.ndim == 1:
        return texts
    size = values[0].size if len(values) else 0
    if values.ndim == 2 and size:
        return [f"[{', '.join(texts[start : start + size])}]" for start in range(0, len(texts), size)]
    return [_one_line(texts[row * size : (row + 1) * size], values.shape[1:]) for row in range(values.shape[0])]


def _texts(alias: str, values: np.ndarray) -> list[str]:
    """Return every element as JSON, in C order."""
    kind = values.dtype.kind
    if values.dtype in (np.float32, np.float64):
        return number_texts(values)
    if kind in "iu" and values.dtype.isbuiltin == 1:
        return [str(number) for number in values.reshape(-1).tolist()]
    if kind == "b":
        return ["true" if value else "false" for value in values.reshape(-1).tolist()]
    if kind in "OSU":
        write = _base64_object if alias.endswith("_bytes") else _bytes_as_text
        return [write(value) for value in values.reshape(-1).tolist()]
    raise invalid(f"Failed to write JSON value for tensor type: {_tensor_type(values)}")


def _tensor_type(values: np.ndarray) -> str:
    return {"float16": "half"}.get(values.dtype.name, values.dtype.name)


def _base64_object(value: bytes) -> str:
    return f'{{"b64": "{base64.b64encode(value).decode()}"}}'


def _bytes_as_text(value: bytes | str) -> str:
    return quoted(value if isinstance(value, str) else value.decode("utf-8", "surrogateescape"))


def _one_line(texts: list[str], shape: tuple[int, ...]) -> str:
    if not shape:
        return texts[0]
    size = len(texts) // shape[0] if shape[0] else 0
    return f"[{', '.join(_one_line(texts[i * size : (i + 1) * size], shape[1:]) for i in range(shape[0]))}]"


def _nested(texts: list[str], shape: tuple[int, ...], depth: int) -> str:
    if not shape:
        return texts[0]
    if not shape[0]:
        return "[]"
    size = len(texts) // shape[0]
    parts = (_nested(texts[i * size : (i + 1) * size], shape[1:], depth + 1) for i in range(shape[0]))
    return _block("[", parts, "]", depth)


def _block(opening: str, parts: Iterable[str], closing: str, depth: int) -> str:
    indent = "    " * (depth + 1)
    return f"{opening}\n{indent}" + f",\n{indent}".join(parts) + f"\n{'    ' * depth}{closing}"


def _escape(match: re.Match[str]) -> str:
    return _SHORT.get(match[0]) or f"\\u{ord(match[0]):04X}"


def _reprinted(value: Any, depth: int) -> str:
    if isinstance(value, dict):
        members = (f"{quoted(key)}: {_reprinted(member, depth + 1)}" for key, member in value.items())
        return _block("{", members, "}", depth) if value else "{}"
    if isinstance(value, list):
        parts, length = [], 0
        for element in value:
            parts.append(_reprinted(element, depth))
            length += len(parts[-1])
            if length > MAX_SHOWN_BYTES:
                break
        return f"[{', '.join(parts)}]"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float):
        text = repr(value)
        return NOT_FINITE.get(text, text)
    return json.dumps(value)
