"""MultiInference: several classify and regress signatures of one model in a single run (`multi_inference.cc`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serving.server.calls import classify, regress
from serving.server.calls.examples import serialized_examples
from serving.server.calls.predict import Plan, fill_spec
from serving.server.signature import DEFAULT, Signature
from serving.server.status import Code, StatusError, invalid

CLASSIFY, REGRESS = METHODS = ("tensorflow/serving/classify", "tensorflow/serving/regress")


def first_spec(request: Any) -> Any:
    """Return the ModelSpec that says which version the whole call runs on.

    Raises:
        StatusError: There is no task.
    """
    if not request.tasks:
        raise invalid("ModelSpec has no name specified.")
    return request.tasks[0].model_spec


def plans(request: Any, signatures: Mapping[str, Signature]) -> list[Plan]:
    """Return what each task runs, in the order of the tasks.

    Raises:
        StatusError: The tasks do not go together, or do not fit the model.
    """
    found: dict[str, Plan] = {}
    checked: list[tuple[str, Signature]] = []
    for task in request.tasks:
        name = _checked_name(task, request.tasks[0], {name for name, _ in checked})
        checked.append((name, _signature(name, signatures)))
    examples = serialized_examples(request.input)
    for name, signature in checked:
        make = classify.plan if signature.method_name == CLASSIFY else regress.plan
        found[name] = make(name, signatures, examples)
    return list(found.values())


def joined(plans: Sequence[Plan]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the feeds and the fetches, by the graph's names, of one run for all tasks."""
    feeds: dict[str, np.ndarray] = {}
    fetches: dict[str, None] = {}
    for plan in plans:
        feeds |= plan.feeds
        fetches |= dict.fromkeys(plan.fetches)
    return feeds, list(fetches)


def fill_response(
    response: Any, request: Any, plans: Sequence[Plan], version: tuple[str, int], values: Mapping[str, np.ndarray]
) -> None:
    """Write a MultiInferenceResponse.

    Args:
        response: An empty message.
        request: The request.
        plans: What was run.
        version: The model's name and the version's number.
        values: What came out, by the graph's names.

    Raises:
        StatusError: An output is not shaped as its method's.
    """
    for task, plan in zip(request.tasks, plans, strict=True):
        outputs = {alias: values[plan.signature.outputs[alias].tensor] for alias in plan.outputs}
        num_examples = len(plan.inputs[classify.INPUTS])
        result = response.results.add()
        fill_spec(result.model_spec, (task.model_spec.name, version[1]), plan.signature_name)
        if plan.signature.method_name == CLASSIFY:
            classify.fill_result(result.classification_result, classify.results(outputs, num_examples))
        else:
            for value in regress.results(outputs, num_examples).tolist():
                result.regression_result.regressions.add(value=value)


def _checked_name(task: Any, first: Any, seen: set[str]) -> str:
    if not task.model_spec.name:
        raise invalid("Found ModelSpec with an empty model name.")
    if task.model_spec.name != first.model_spec.name:
        raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
    name = task.model_spec.signature_name or DEFAULT
    if name in seen:
        raise invalid(f"Duplicate evaluation of signature: {name}")
    return name


def _signature(name: str, signatures: Mapping[str, Signature]) -> Signature:
    signature = signatures.get(name)
    if signature is None:
        raise invalid(f"Requested signature not found in model graph: {name}")
    if signature.method_name not in METHODS:
        raise StatusError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {signature.method_name}")
    (classify if signature.method_name == CLASSIFY else regress).check(signature)
    return signature
