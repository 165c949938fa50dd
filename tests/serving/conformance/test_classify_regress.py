"""Section 5.2: gRPC Classify and Regress on examples."""

from __future__ import annotations

import pytest
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.regression_pb2 import RegressionRequest


@pytest.fixture
def ask(prediction, examples):
    """Return a function that makes a request: (call, request)."""

    def make(kind: str, signature: str, given: object = None, name: str = "half_plus_two"):
        request = ClassificationRequest() if kind == "classify" else RegressionRequest()
        request.model_spec.name, request.model_spec.signature_name = name, signature
        request.input.CopyFrom(given if given is not None else examples(2.0, 5.0))
        return (prediction.Classify if kind == "classify" else prediction.Regress), request

    return make


def test_regress_gives_one_number_for_each_example(ask):
    """2 / 2 + 2 = 3, 5 / 2 + 2 = 4.5."""
    call, request = ask("regress", "regress_x_to_y")

    response = call(request)

    assert [item.value for item in response.result.regressions] == [3.0, 4.5]
    assert response.model_spec.signature_name == "regress_x_to_y"
    assert response.model_spec.version.value == 2


def classes(response) -> list[list[tuple[str, float]]]:
    return [[(entry.label, entry.score) for entry in row.classes] for row in response.result.classifications]


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("classify_x_to_y", [[("", 3.0)], [("", 4.5)]]),
        ("classify_words", [[("3.0", 3.0)], [("4.5", 4.5)]]),
        ("classify_classes", [[("3.0", 0.0)], [("4.5", 0.0)]]),
    ],
)
def test_classify_gives_labels_and_scores(ask, signature, expected):
    call, request = ask("classify", signature)

    assert classes(call(request)) == expected


def test_an_example_wins_over_the_context(ask, examples):
    call, request = ask("regress", "regress_x_to_y", examples(2.0, None, context=10.0))

    assert [item.value for item in call(request).result.regressions] == [3.0, 7.0]


@pytest.mark.parametrize(
    ("kind", "signature", "message"),
    [
        ("classify", "no", "No signature was found with the name: no"),
        ("regress", "no", "No signature was found with the name: no"),
        ("classify", "two_to_one", "Expected one input Tensor."),
        (
            "classify",
            "neither",
            'Expected classification signature outputs to contain at least one of "classes" or "scores".',
        ),
        ("classify", "renamed", "No classification inputs found in SignatureDef: "),
        ("classify", "bad_classes", "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
        ("regress", "renamed", "No regression inputs found in SignatureDef: "),
        ("regress", "classify_x_to_y", "No regression outputs found in SignatureDef: "),
        (
            "regress",
            "wide",
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]",
        ),
        ("regress", "double", "Expected output Tensor of DT_FLOAT.  Got: DT_DOUBLE"),
        ("regress", "short", "Input batch size did not match output batch size: 2 vs. 1"),
    ],
)
def test_what_does_not_fit_is_refused(ask, refusal, kind, signature, message):
    code, text = refusal(*ask(kind, signature))

    assert code == "INVALID_ARGUMENT"
    assert text.startswith(message)


@pytest.mark.parametrize("kind", ["classify", "regress"])
def test_an_input_needs_an_example(ask, refusal, examples, kind):
    signature = "classify_x_to_y" if kind == "classify" else "regress_x_to_y"
    for empty in (Input(), examples(), examples(context=1.0)):
        assert refusal(*ask(kind, signature, empty)) == ("INVALID_ARGUMENT", "Input is empty.")


def test_a_request_needs_a_model_spec(prediction, refusal):
    assert refusal(prediction.Classify, ClassificationRequest()) == ("INVALID_ARGUMENT", "Missing ModelSpec")
    assert refusal(prediction.Regress, RegressionRequest()) == ("INVALID_ARGUMENT", "Missing ModelSpec")


def test_examples_without_a_feature_fail_in_the_graph(ask, refusal, examples):
    code, text = refusal(*ask("regress", "regress_x_to_y", examples(None)))

    assert code == "INVALID_ARGUMENT"
    assert "Feature: x (data type: float) is required but could not be found" in text
