"""The REST `predict` call: from a request's body to the arrays to run, in TensorFlow Serving's order of checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.server.rest.json_fast import read
from serving.server.rest.json_writing import column_answer, row_answer, shown
from serving.server.rest.tensors import is_base64, to_array
from serving.server.signature import DEFAULT, Signature, TensorSpec
from serving.server.status import StatusError, invalid


@dataclass(frozen=True)
class PredictRequest:
    """A body that is JSON and names a signature; what it feeds is not looked at yet.

    Attributes:
        document: The whole body.
        signature_name: The signature asked for.
    """

    document: dict[str, Any]
    signature_name: str

    @property
    def in_rows(self) -> bool:
        """Whether the request came as `instances`, and so is answered as `predictions`."""
        return "instances" in self.document

    def feeds(self, signature: Signature) -> dict[str, np.ndarray]:
        """Return the inputs by name.

        Raises:
            StatusError: The request does not fit the signature.
        """
        document = self.document
        if "instances" in document and "inputs" in document:
            raise _format_error(
                document, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
            )
        if "instances" in document:
            return _from_rows(document, signature.inputs)
        if "inputs" in document:
            return _from_columns(document["inputs"], signature.inputs)
        raise invalid("Missing 'inputs' or 'instances' key")

    def answer(self, outputs: dict[str, np.ndarray]) -> str:
        """Return the body of the response."""
        return row_answer(outputs) if self.in_rows else column_answer(outputs)


def parse(body: bytes) -> PredictRequest:
    """Read a request's body.

    Raises:
        StatusError: It is no JSON object, or its `signature_name` no string.
    """
    document = read(body)
    return PredictRequest(document, parse_signature_name(document))


def parse_signature_name(document: Any) -> str:
    """Return the signature that a body names.

    Raises:
        StatusError: It is no JSON object, or its `signature_name` no string.
    """
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {shown(document)} Is not object")
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise _format_error(document, "not formatted correctly. 'signature_name' key must be a string value.")
    return name or DEFAULT


def find_signature(signatures: dict[str, Signature], name: str) -> Signature:
    """Return the signature asked for.

    Raises:
        StatusError: The model has no such signature, or it takes no inputs.
    """
    signature = signatures.get(name)
    if signature is None:
        raise invalid(f'Serving signature name: "{name}" not found in signature def')
    if not signature.inputs:
        raise invalid(f"Failed to get input map for signature: {'DEFAULT' if name == DEFAULT else name}")
    return signature


def _format_error(document: Any, message: str) -> StatusError:
    return invalid(f"JSON Value: {shown(document)} {message}")


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _from_rows(document: dict[str, Any], inputs: dict[str, TensorSpec]) -> dict[str, np.ndarray]:
    instances = document["instances"]
    if not isinstance(instances, list):
        raise _format_error(document, "Expecting 'instances' to be an list/array")
    if not instances:
        raise _format_error(document, "No values in 'instances' array")
    if not _is_object(instances[0]):
        if len(inputs) > 1:
            raise invalid(
                "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
                "tensorinfo_map"
            )
        ((name, spec),) = inputs.items()
        return {name: _column_of_values(instances, name, spec)}
    return _columns_of_objects(instances, inputs)


def _column_of_values(instances: list[Any], name: str, spec: TensorSpec) -> np.ndarray:
    objects = (index for index, item in enumerate(instances) if _is_object(item))
    stray = next(objects, None)
    try:
        if stray is None:
            return to_array(instances, spec.dtype)
    except StatusError:
        pass
    rows = _Rows({name: spec})
    for index, item in enumerate(instances):
        if index == stray:
            raise invalid(f"Expecting value/list but got object at item {index} of input list")
        rows.add(item, name, f"Failed to process element: {index} of 'instances' list.")
    return rows.columns()[name]


def _columns_of_objects(instances: list[Any], inputs: dict[str, TensorSpec]) -> dict[str, np.ndarray]:
    try:
        if all(isinstance(item, dict) and item.keys() == inputs.keys() for item in instances):
            return {name: to_array([item[name] for item in instances], spec.dtype) for name, spec in inputs.items()}
    except StatusError:
        pass
    rows = _Rows(inputs)
    for index, item in enumerate(instances):
        if not _is_object(item):
            raise invalid(f"Expecting object but got list at item {index} of input list")
        for name, value in item.items():
            rows.add(value, name, f"Failed to process element: {index} key: {name} of 'instances' list.")
        if item.keys() != inputs.keys():
            raise invalid(
                f"Failed to process element: {index} of 'instances' list. JSON object: {shown(item)} "
                f"keys must be equal to: {','.join(sorted(inputs))}"
            )
    return rows.columns()


class _Rows:
    """Collects rows one at a time: the slow way, for requests in which some row is wrong and has to be named."""

    def __init__(self, inputs: dict[str, TensorSpec]):
        self._inputs = inputs
        self._rows: dict[str, list[np.ndarray]] = {}

    def add(self, value: Any, name: str, where: str) -> None:
        try:
            self._add(value, name)
        except StatusError as error:
            raise invalid(f"{where} Error: {error.code.name}: {error.message}") from error

    def _add(self, value: Any, name: str) -> None:
        if name not in self._inputs:
            raise invalid(f"JSON object: does not have named input: {name}")
        row = to_array(value, self._inputs[name].dtype)
        rows = self._rows.setdefault(name, [])
        if rows and rows[0].size != row.size:
            raise invalid(f"Expecting tensor size: {rows[0].size} but got: {row.size}")
        if rows and rows[0].shape != row.shape:
            raise invalid(f"Expecting shape {_shape_text(rows[0])} but got: {_shape_text(row)}")
        rows.append(row)

    def columns(self) -> dict[str, np.ndarray]:
        return {name: np.stack(rows) for name, rows in self._rows.items()}


def _shape_text(row: np.ndarray) -> str:
    return f"[{','.join(map(str, row.shape))}]"


def _from_columns(value: Any, inputs: dict[str, TensorSpec]) -> dict[str, np.ndarray]:
    if _is_object(value):
        for name in inputs:
            if name not in value:
                raise invalid(f"Missing named input: {name} in 'inputs' object.")
        return {name: to_array(value[name], spec.dtype) for name, spec in inputs.items()}
    if len(inputs) > 1:
        raise invalid(
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            "tensorinfo_map"
        )
    ((name, spec),) = inputs.items()
    return {name: to_array(value, spec.dtype)}
