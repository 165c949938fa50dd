"""REST `classify` and `regress`: JSON objects become tf.train.Examples, and results become JSON again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from serving.server.calls.examples import serialized_examples
from serving.server.rest.json_writing import number_texts, quoted, shown, type_name
from serving.server.rest.predict import parse_signature_name
from serving.server.rest.tensors import is_base64, to_bytes
from serving.server.status import invalid

MAX_INT64, MIN_INT64 = 2**63 - 1, -(2**63)
_KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def read_examples(document: Any) -> tuple[str, np.ndarray]:
    """Return what a body holds.

    Args:
        document: The body as JSON values.

    Returns:
        The signature's name, and serialized examples of shape [N] in which the context is already.

    Raises:
        StatusError: It is no request to classify or regress.
    """
    from tensorflow_serving.apis.input_pb2 import Input

    name = parse_signature_name(document)
    given = Input()
    if "context" in document:
        _fill(given.example_list_with_context.context, document["context"])
        examples = given.example_list_with_context.examples
    else:
        examples = given.example_list.examples
    for item in _listed(document):
        _fill(examples.add(), item)
    return name, serialized_examples(given)


def classifications_text(found: Iterable[Iterable[tuple[bytes, float]]]) -> str:
    """Return the answer to `classify`."""
    rows = []
    for row in found:
        pairs = list(row)
        scores = number_texts(np.array([score for _, score in pairs], np.float32))
        labels = (quoted(label.decode("utf-8", "surrogateescape")) for label, _ in pairs)
        rows.append(f"[{', '.join(f'[{label}, {score}]' for label, score in zip(labels, scores, strict=True))}]")
    return f'{{\n    "results": [{", ".join(rows)}\n    ]\n}}'


def regressions_text(values: np.ndarray) -> str:
    """Return the answer to `regress`."""
    return f'{{\n    "results": [{", ".join(number_texts(values))}]\n}}'


def _listed(document: dict[str, Any]) -> list[Any]:
    if "examples" not in document:
        raise invalid(
            f"JSON Value: {shown(document)} When method is classify, key 'examples' is expected and was not found"
        )
    items = document["examples"]
    if not isinstance(items, list):
        raise invalid(f"JSON Value: {shown(document)} Expecting 'examples' value to be an list/array")
    if not items:
        raise invalid(f"JSON Value: {shown(document)} 'examples' value is an empty array")
    return items


def _fill(example: Any, value: Any) -> None:
    if not isinstance(value, dict):
        raise invalid(f"Example must be JSON object but got JSON {type_name(value)}")
    features = example.features.feature
    for name, content in value.items():
        try:
            feature = features[name]
        except UnicodeEncodeError as error:
            raise invalid(f"Feature: {shown(name)} has a name that is no UTF-8") from error
        for item in content if isinstance(content, list) else [content]:
            _add(feature, name, item)


def _add(feature: Any, name: str, value: Any) -> None:
    kind, plain = _kind_of(value, name)
    given = feature.WhichOneof("kind")
    if given not in (None, kind):
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {_KINDS[given]}")
    getattr(feature, kind).value.append(plain)


def _kind_of(value: Any, name: str) -> tuple[str, Any]:
    """Return the field of a Feature that takes a value, and the value in its form."""
    if isinstance(value, str) or is_base64(value):
        return "bytes_list", to_bytes(value)
    if isinstance(value, float):
        return "float_list", float(np.array(value).astype(np.float32)) if abs(value) > 3e38 else value
    if isinstance(value, int):
        if value > MAX_INT64 * 2 + 1 or value < MIN_INT64:
            return "float_list", value  # rapidjson reads what no 64 bits hold as a double
        if value > MAX_INT64:
            raise invalid(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
        return "int64_list", int(value)
    raise invalid(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")
