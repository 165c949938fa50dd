"""Section 5.3: MultiInference."""

from __future__ import annotations

import pytest
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest


@pytest.fixture
def tasks(examples):
    """Return a function that makes a request of tasks, each (model, signature)."""

    def make(*specs: tuple[str, str]) -> MultiInferenceRequest:
        request = MultiInferenceRequest()
        request.input.CopyFrom(examples(2.0))
        for name, signature in specs:
            spec = request.tasks.add().model_spec
            spec.name, spec.signature_name = name, signature
        return request

    return make


M = "half_plus_two"


def test_results_come_in_the_order_of_the_tasks(prediction, tasks):
    response = prediction.MultiInference(tasks((M, "regress_x_to_y2"), (M, "classify_words"), (M, "regress_x_to_y")))

    first, second, third = response.results
    assert first.regression_result.regressions[0].value == 4.0
    assert second.classification_result.classifications[0].classes[0].label == "3.0"
    assert third.regression_result.regressions[0].value == 3.0
    assert [result.model_spec.signature_name for result in response.results] == [
        "regress_x_to_y2",
        "classify_words",
        "regress_x_to_y",
    ]
    assert {result.model_spec.version.value for result in response.results} == {2}


@pytest.mark.parametrize(
    ("specs", "code", "message"),
    [
        ((), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ((("no", ""),), "NOT_FOUND", "Servable not found for request: Latest(no)"),
        (
            ((M, "regress_x_to_y"), ("", "")),
            "INVALID_ARGUMENT",
            "Found ModelSpec with an empty model name.",
        ),
        (
            ((M, "regress_x_to_y"), ("zoo", "total")),
            "INVALID_ARGUMENT",
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            ((M, "regress_x_to_y"), (M, "regress_x_to_y")),
            "INVALID_ARGUMENT",
            "Duplicate evaluation of signature: regress_x_to_y",
        ),
        (((M, "no"),), "INVALID_ARGUMENT", "Requested signature not found in model graph: no"),
        (
            ((M, "serving_default"),),
            "UNIMPLEMENTED",
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
    ],
)
def test_tasks_that_do_not_go_together_are_refused(prediction, tasks, refusal, specs, code, message):
    assert refusal(prediction.MultiInference, tasks(*specs)) == (code, message)
