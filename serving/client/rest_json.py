"""Requests and answers of REST's predict as JSON: columns or rows out, arrays back."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serving.client.failures import Failure
from serving.client.texts import as_text
from serving.server.signature import DEFAULT, NUMPY_TYPES, Signature, TensorSpec


def column_body(columns: Mapping[str, np.ndarray], signature_name: str) -> bytes:
    """Return a request that holds one array for each input; NaN and infinities as the server takes them, bare."""
    values = {name: _plain(array) for name, array in columns.items()}
    return _body({"inputs": values}, signature_name)


def row_body(rows: Sequence[object], signature_name: str) -> bytes:
    """Return a request that holds rows."""
    return _body({"instances": list(rows)}, signature_name)


def outputs_of(body: bytes, signature: Signature) -> tuple[dict[str, np.ndarray], list[object] | None]:
    """Read an answer.

    Returns:
        The outputs by name in the model's types, and the rows where the answer has rows.

    Raises:
        Failure: It is no answer of predict.
    """
    try:
        answer = json.loads(body.decode("utf-8", "surrogateescape"))
        rows = answer.get("predictions")
        named = _columns(rows, signature) if rows is not None else _named(answer["outputs"], signature)
        return {name: _array(values, signature.outputs.get(name)) for name, values in named.items()}, rows
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure("CONNECTION", f"its answer is not predict's: {body[:80]!r}", may_pass=False) from error


def _body(content: dict[str, object], signature_name: str) -> bytes:
    if signature_name != DEFAULT:
        content["signature_name"] = signature_name
    return json.dumps(content, default=_json_value, separators=(",", ":")).encode("ascii")


def _json_value(value: Any) -> object:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _plain(array: np.ndarray) -> object:
    """Return nested lists; words as text where they are UTF-8."""
    if not array.dtype.hasobject:
        return array.tolist()
    return as_text(array).tolist()


def _columns(rows: list[Any], signature: Signature) -> dict[str, list[object]]:
    names = list(signature.outputs)
    if len(names) == 1:
        return {names[0]: rows}
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else names)}


def _named(outputs: Any, signature: Signature) -> dict[str, Any]:
    return {next(iter(signature.outputs)): outputs} if len(signature.outputs) == 1 else outputs


def _array(values: Any, spec: TensorSpec | None) -> np.ndarray:
    if spec is None or spec.dtype not in NUMPY_TYPES:
        return np.array(values)
    if spec.dtype != "string":
        return np.array(values, dtype=NUMPY_TYPES[spec.dtype])
    array = np.array(values, dtype=object)
    flat = array.reshape(-1)
    for position, value in enumerate(flat):
        flat[position] = base64.b64decode(value["b64"]) if isinstance(value, dict) else readable(value)
    return array


def readable(value: str) -> str | bytes:
    """Return a text; as bytes where it came as bytes that are no UTF-8."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape")
    return value
