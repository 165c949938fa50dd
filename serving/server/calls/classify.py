"""Classify: one input of serialized examples, classes and scores out (`classifier.cc`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from serving.server.calls.examples import shape_text, type_text
from serving.server.calls.predict import Plan
from serving.server.signature import DEFAULT, Signature
from serving.server.status import invalid

INPUTS, CLASSES, SCORES = "inputs", "classes", "scores"


def find_signature(signatures: Mapping[str, Signature], name: str) -> Signature:
    """Return the signature that a call of Classify or Regress asks for.

    Raises:
        StatusError: INVALID_ARGUMENT, unlike in Predict.
    """
    signature = signatures.get(name or DEFAULT)
    if signature is None:
        raise invalid(f"No signature was found with the name: {name or DEFAULT}")
    return signature


def plan(signature_name: str, signatures: Mapping[str, Signature], examples: np.ndarray) -> Plan:
    """Return what a call runs.

    Args:
        signature_name: The signature, or "" for the default one.
        signatures: The model's signatures.
        examples: Serialized examples, shape [N].

    Raises:
        StatusError: The signature is no classifier.
    """
    signature = find_signature(signatures, signature_name)
    check(signature)
    outputs = [alias for alias in (CLASSES, SCORES) if alias in signature.outputs]
    return Plan(signature_name or DEFAULT, signature, {INPUTS: examples}, outputs)


def check(signature: Signature) -> None:
    """Raise StatusError where a signature is no classifier."""
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if INPUTS not in signature.inputs:
        raise invalid(f"No classification inputs found in SignatureDef: {described(signature)}")
    if len(signature.outputs) not in (1, 2):
        raise invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if CLASSES not in signature.outputs and SCORES not in signature.outputs:
        raise invalid(
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            f"Signature was: {described(signature)}"
        )


def results(outputs: Mapping[str, np.ndarray], num_examples: int) -> list[list[tuple[bytes, float]]]:
    """Return label and score of every class of every example; an absent label is empty, an absent score 0.

    Raises:
        StatusError: The outputs are not shaped as a classifier's, [N, C].
    """
    classes, scores = outputs.get(CLASSES), outputs.get(SCORES)
    for name, array, kind in ((CLASSES, classes, "DT_STRING"), (SCORES, scores, "DT_FLOAT")):
        if array is not None:
            _check_output(name, array, kind, num_examples)
    if classes is not None and scores is not None and classes.shape[1] != scores.shape[1]:
        raise invalid(
            f"Tensors class and score should match in dim_size(1). Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    num_classes = (classes if classes is not None else scores).shape[1]
    labels = classes.tolist() if classes is not None else [[b""] * num_classes] * num_examples
    numbers = scores.tolist() if scores is not None else [[0.0] * num_classes] * num_examples
    return [list(zip(row, row_scores, strict=True)) for row, row_scores in zip(labels, numbers, strict=True)]


def fill_result(result: Any, found: list[list[tuple[bytes, float]]]) -> None:
    """Write a ClassificationResult."""
    for row in found:
        entry = result.classifications.add()
        for label, score in row:
            entry.classes.add(label=label.decode("utf-8", "replace"), score=score)


def described(signature: Signature) -> str:
    """Return a signature in a few words, for an error."""
    inputs = " ".join(f"{name}: {spec.dtype}" for name, spec in signature.inputs.items())
    outputs = " ".join(f"{name}: {spec.dtype}" for name, spec in signature.outputs.items())
    return f'inputs {{ {inputs} }} outputs {{ {outputs} }} method_name: "{signature.method_name}"'


def _check_output(name: str, array: np.ndarray, kind: str, num_examples: int) -> None:
    if array.ndim != 2:
        raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {shape_text(array)}")
    if type_text(array) != kind:
        raise invalid(f"Expected {name} Tensor of {kind}. Got: {type_text(array)}")
    if array.shape[0] != num_examples:
        raise invalid(f"Expected {name} output batch size of {num_examples}. Got: {array.shape[0]}")
