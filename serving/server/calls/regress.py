"""Regress: one input of serialized examples, one number for each out (`regressor.cc`)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from serving.server.calls.classify import INPUTS, described, find_signature
from serving.server.calls.examples import shape_text, type_text
from serving.server.calls.predict import Plan
from serving.server.signature import DEFAULT, Signature
from serving.server.status import invalid

OUTPUTS = "outputs"


def plan(signature_name: str, signatures: Mapping[str, Signature], examples: np.ndarray) -> Plan:
    """Return what a call runs.

    Args:
        signature_name: The signature, or "" for the default one.
        signatures: The model's signatures.
        examples: Serialized examples, shape [N].

    Raises:
        StatusError: The signature is no regression.
    """
    signature = find_signature(signatures, signature_name)
    check(signature)
    return Plan(signature_name or DEFAULT, signature, {INPUTS: examples}, [OUTPUTS])


def check(signature: Signature) -> None:
    """Raise StatusError where a signature is no regression."""
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    if INPUTS not in signature.inputs:
        raise invalid(f"No regression inputs found in SignatureDef: {described(signature)}")
    if OUTPUTS not in signature.outputs:
        raise invalid(f"No regression outputs found in SignatureDef: {described(signature)}")


def results(outputs: Mapping[str, np.ndarray], num_examples: int) -> np.ndarray:
    """Return one float for each example, shape [N].

    Raises:
        StatusError: The output is neither [N] nor [N, 1] of floats.
    """
    array = outputs[OUTPUTS]
    if not (array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)):
        raise invalid(
            f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {shape_text(array)}"
        )
    if array.shape[0] != num_examples:
        raise invalid(f"Input batch size did not match output batch size: {num_examples} vs. {array.shape[0]}")
    if type_text(array) != "DT_FLOAT":
        raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {type_text(array)}")
    return array.reshape(-1)
