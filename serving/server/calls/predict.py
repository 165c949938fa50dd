"""The gRPC call Predict: from a request to what is run, and from what came out to a response.

The order of the checks, their codes and their words are TensorFlow Serving's (`predict_util.cc`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.server.calls.tensors import MAX_TENSOR_BYTES, fill, to_array
from serving.server.signature import DEFAULT, Signature
from serving.server.status import Code, StatusError, invalid

METHOD_NAMES = ("tensorflow/serving/predict", "tensorflow/serving/classify", "tensorflow/serving/regress")


@dataclass(frozen=True)
class Plan:
    """What one call runs.

    Attributes:
        signature_name: The signature's name; the default one's where the request names none.
        signature: The signature.
        inputs: The arrays by the signature's names, in the order in which they are fed.
        outputs: Names of the outputs that are asked for.
    """

    signature_name: str
    signature: Signature
    inputs: dict[str, np.ndarray]
    outputs: Sequence[str]

    @property
    def feeds(self) -> dict[str, np.ndarray]:
        """The arrays by the graph's names of their tensors."""
        return {self.signature.inputs[alias].tensor: array for alias, array in self.inputs.items()}

    @property
    def fetches(self) -> list[str]:
        """The graph's names of the outputs."""
        return [self.signature.outputs[alias].tensor for alias in self.outputs]


def plan(
    request: Any,
    signatures: dict[str, Signature],
    *,
    check_method_name: bool = False,
    max_tensor_bytes: int = MAX_TENSOR_BYTES,
) -> Plan:
    """Return what a PredictRequest runs on a model with these signatures.

    Args:
        request: The PredictRequest.
        signatures: The model's signatures.
        check_method_name: Refuse signatures whose method is not one that TensorFlow Serving knows.
        max_tensor_bytes: Memory that one input may take.

    Raises:
        StatusError: The request does not fit the model.
    """
    name = request.model_spec.signature_name or DEFAULT
    signature = signatures.get(name)
    if signature is None:
        raise StatusError(Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
    if check_method_name and signature.method_name not in METHOD_NAMES:
        raise StatusError(
            Code.INTERNAL,
            "Expected prediction signature method_name to be one of "
            f"{_set(METHOD_NAMES)}. Was: {signature.method_name}",
        )
    inputs = _inputs(request.inputs, signature, max_tensor_bytes)
    return Plan(name, signature, inputs, _outputs(request.output_filter, signature))


def fill_response(
    response: Any, plan: Plan, version: tuple[str, int], values: Iterable[np.ndarray], *, as_content: bool = False
) -> None:
    """Write a PredictResponse.

    Args:
        response: An empty PredictResponse.
        plan: What was run.
        version: The model's name and the number of the version that answered.
        values: One array for each of the plan's outputs.
        as_content: Write `tensor_content` in place of typed fields.
    """
    fill_spec(response.model_spec, version, plan.signature_name)
    outputs = response.outputs
    for alias, array in zip(plan.outputs, values, strict=True):
        fill(outputs[alias], array, as_content=as_content)


def fill_spec(spec: Any, version: tuple[str, int], signature_name: str = "") -> None:
    """Write the ModelSpec of an answer: the number of the version, never the label."""
    spec.name, spec.signature_name = version[0], signature_name
    spec.version.value = version[1]


def _inputs(given: Any, signature: Signature, max_bytes: int) -> dict[str, np.ndarray]:
    wanted, defaults = signature.inputs, signature.defaults
    if len(given) > len(wanted) or (len(given) < len(wanted) and not defaults):
        raise invalid(
            f"input size does not match signature: {len(given)}!={len(wanted)} len({_set(given)}) != "
            f"len({_set(wanted)}). Sent extra: {_set(set(given) - set(wanted))}. "
            f"Missing but required: {_set(set(wanted) - set(given))}."
        )
    inputs, num_used = {}, 0
    for alias, spec in wanted.items():
        if alias in given:
            inputs[alias] = to_array(given[alias], alias, max_bytes=max_bytes)
            num_used += 1
        elif alias in defaults:
            inputs[alias] = defaults[alias]
        else:
            raise invalid(
                f"Signature input alias: {alias}(feed name: {spec.tensor}) not found in request and no default value "
                f"provided. Inputs expected to be in the request {_set(given)}, or default input alias set: "
                f"{','.join(sorted(defaults))}"
            )
    if num_used != len(given):
        used = [alias for alias in inputs if alias in given]
        raise invalid(f"Inputs contains invalid name. Used request inputs: {_set(used)}, request input: {_set(given)}")
    return inputs


def _outputs(wanted: Sequence[str], signature: Signature) -> Sequence[str]:
    if not wanted:
        return tuple(signature.outputs)
    seen: set[str] = set()
    for alias in wanted:
        if alias not in signature.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in the set "
                f"{_set(signature.outputs)}."
            )
        if alias in seen:
            raise invalid(f"duplicate output tensor alias: {alias}")
        seen.add(alias)
    return tuple(wanted)


def _set(names: Iterable[str]) -> str:
    return f"{{{','.join(sorted(names))}}}"
