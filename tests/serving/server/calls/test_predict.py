"""From a PredictRequest to what is run: the order of the checks, and what each says, without a model."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

from serving.server.calls import predict
from serving.server.signature import Signature, TensorSpec
from serving.server.status import Code, StatusError


def spec(name: str) -> TensorSpec:
    return TensorSpec(f"{name}:0", "float", (None,))


TWO = Signature({"a": spec("a"), "b": spec("b")}, {"y": spec("y"), "z": spec("z")}, "tensorflow/serving/predict")
WITH_DEFAULT = Signature(TWO.inputs, TWO.outputs, "guess", {"b": np.float32([7.0])})
SIGNATURES = {"serving_default": TWO, "defaults": WITH_DEFAULT}


def request(*inputs: str, signature: str = "", outputs: tuple[str, ...] = ()) -> PredictRequest:
    made = PredictRequest(output_filter=outputs)
    made.model_spec.signature_name = signature
    for alias in inputs:
        made.inputs[alias].CopyFrom(tf.make_tensor_proto([1.0]))
    return made


def test_feeds_and_fetches_have_the_graphs_names():
    plan = predict.plan(request("b", "a"), SIGNATURES)

    assert list(plan.feeds) == ["a:0", "b:0"]
    assert plan.fetches == ["y:0", "z:0"]
    assert plan.signature_name == "serving_default"


def test_the_filter_orders_the_outputs():
    assert predict.plan(request("a", "b", outputs=("z", "y")), SIGNATURES).fetches == ["z:0", "y:0"]


def test_defaults_fill_in():
    plan = predict.plan(request("a", signature="defaults"), SIGNATURES)

    assert plan.feeds["b:0"].tolist() == [7.0]


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        (request(signature="no", outputs=("x",)), Code.FAILED_PRECONDITION, 'Serving signature key "no" not found.'),
        (
            request("a", outputs=("x",)),
            Code.INVALID_ARGUMENT,
            "input size does not match signature: 1!=2 len({a}) != len({a,b}). Sent extra: {}. "
            "Missing but required: {b}.",
        ),
        (
            request("a", "c", signature="defaults"),
            Code.INVALID_ARGUMENT,
            "Inputs contains invalid name. Used request inputs: {a}, request input: {a,c}",
        ),
        (
            request("a", "b", outputs=("y", "y", "x")),
            Code.INVALID_ARGUMENT,
            "duplicate output tensor alias: y",
        ),
    ],
)
def test_the_first_thing_that_is_wrong_is_said(asked, code, message):
    with pytest.raises(StatusError) as caught:
        predict.plan(asked, SIGNATURES)

    assert (caught.value.code, caught.value.message) == (code, message)


def test_unknown_methods_are_refused_only_on_demand():
    asked = request("a", "b", signature="defaults")

    assert predict.plan(asked, SIGNATURES).signature_name == "defaults"
    with pytest.raises(StatusError, match="Was: guess") as caught:
        predict.plan(asked, SIGNATURES, check_method_name=True)
    assert caught.value.code == Code.INTERNAL


def test_a_response_names_the_version_that_answered():
    plan, response = predict.plan(request("a", "b", outputs=("z",)), SIGNATURES), PredictResponse()

    predict.fill_response(response, plan, ("m", 4), [np.float32([2.5])])

    assert (response.model_spec.name, response.model_spec.version.value) == ("m", 4)
    assert list(response.outputs["z"].float_val) == [2.5]
