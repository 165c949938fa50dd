"""Section 5.1: gRPC Predict."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest


def test_half_of_x_plus_two(prediction, predict_request):
    response = prediction.Predict(predict_request({"x": [[1.0], [2.0], [5.0]]}))

    assert list(response.outputs) == ["y"]
    assert list(response.outputs["y"].float_val) == [2.5, 3.0, 4.5]
    assert [dim.size for dim in response.outputs["y"].tensor_shape.dim] == [3, 1]


def test_a_request_needs_a_model_spec(prediction, refusal):
    assert refusal(prediction.Predict, PredictRequest()) == ("INVALID_ARGUMENT", "Missing ModelSpec")


def test_shapes_are_not_compared_with_the_signature(prediction, predict_request):
    response = prediction.Predict(predict_request({"x": [[1.0, 2.0], [3.0, 4.0]]}))

    assert list(response.outputs["y"].float_val) == [2.5, 3.0, 3.5, 4.0]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            {},
            "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
        ),
        (
            {"x": [1.0], "z": [1.0], "a": [1.0]},
            "input size does not match signature: 3!=1 len({a,x,z}) != len({x}). Sent extra: {a,z}. "
            "Missing but required: {}.",
        ),
        (
            {"z": [1.0]},
            "Signature input alias: x(feed name: x:0) not found in request and no default value provided. "
            "Inputs expected to be in the request {z}, or default input alias set: ",
        ),
    ],
)
def test_names_must_be_those_of_the_signature(prediction, predict_request, refusal, inputs, message):
    assert refusal(prediction.Predict, predict_request(inputs)) == ("INVALID_ARGUMENT", message)


def test_an_unknown_signature_is_a_failed_precondition(prediction, predict_request, refusal):
    refused = ("FAILED_PRECONDITION", 'Serving signature key "no" not found.')

    assert refusal(prediction.Predict, predict_request({"x": [1.0]}, signature="no")) == refused


def test_types_are_not_converted(prediction, predict_request, refusal):
    def refused(array):
        return refusal(prediction.Predict, predict_request({"x": array}))

    assert refused(np.array([b"a"])) == ("INVALID_ARGUMENT", "Expects arg[0] to be float but string is provided")
    assert refused(np.array([1], np.int32)) == ("INVALID_ARGUMENT", "Expects arg[0] to be float but int32 is provided")
    assert refused(np.array([1.0])) == ("INVALID_ARGUMENT", "Expects arg[0] to be float but double is provided")


def test_output_filter_chooses_outputs(prediction, predict_request, refusal):
    request = predict_request({"size": [0.0], "color": np.array([b"red"])}, "zoo", "table")
    request.output_filter.extend(["word"])

    assert list(prediction.Predict(request).outputs) == ["word"]
    request.output_filter.append("word")
    assert refusal(prediction.Predict, request) == ("INVALID_ARGUMENT", "duplicate output tensor alias: word")
    request.output_filter[:] = ["no"]
    assert refusal(prediction.Predict, request) == (
        "INVALID_ARGUMENT",
        "output tensor alias not found in signature: no Outputs expected to be in the set {both,sure,word}.",
    )


def test_a_tensor_that_is_none_is_named(prediction, predict_request, refusal):
    request = predict_request({})
    request.inputs["x"].dtype = tf.float32.as_datatype_enum
    request.inputs["x"].tensor_content = b"123"

    assert refusal(prediction.Predict, request) == ("INVALID_ARGUMENT", "tensor parsing error: x")


def test_any_signature_serves_predict(prediction, predict_request, examples):
    serialized = np.array([examples(2.0).example_list.examples[0].SerializeToString()], object)

    response = prediction.Predict(predict_request({"inputs": serialized}, signature="regress_x_to_y"))

    assert list(response.outputs["outputs"].float_val) == [3.0]
    assert prediction.Predict(predict_request({"x": [1.0]}, signature="odd_method")).outputs["y"].float_val == [2.5]


def test_a_signature_may_have_no_inputs(prediction, predict_request):
    assert prediction.Predict(predict_request({}, "zoo", "constant")).outputs["c"].float_val == [7.0]


def test_a_graph_error_has_the_graphs_words(prediction, predict_request, refusal):
    code, message = refusal(prediction.Predict, predict_request({"x": [[1.0, 2.0]]}, "zoo", "matrix"))

    assert code == "INVALID_ARGUMENT"
    assert message.startswith("Matrix size-incompatible: In[0]: [1,2], In[1]: [3,1]")
    code, message = refusal(prediction.Predict, predict_request({"x": [1.0]}, "zoo", "failing"))
    assert code == "INVALID_ARGUMENT"
    assert "too large" in message


def test_long_errors_are_cut(prediction, predict_request, refusal):
    _, message = refusal(prediction.Predict, predict_request({"x": [1.0]}, "n" * 2000))

    assert message == ("Servable not found for request: Latest(" + "n" * 2000)[:1024] + "...TRUNCATED"


def test_state_lives_as_long_as_the_version(prediction, predict_request):
    def count() -> int:
        return (
            prediction.Predict(predict_request({"by": np.array([1], np.int64)}, "zoo", "counter"))
            .outputs["count"]
            .int64_val[0]
        )

    assert count() + 1 == count()


def test_a_deadline_ends_a_call_and_the_next_one_is_answered(prediction, predict_request):
    """A thousand million turns would take minutes."""
    import grpc

    with pytest.raises(grpc.RpcError) as caught:
        prediction.Predict(predict_request({"turns": np.array([10**9], np.int32)}, "zoo", "slow"), timeout=0.3)

    assert caught.value.code().name == "DEADLINE_EXCEEDED"
    few = prediction.Predict(predict_request({"turns": np.array([3], np.int32)}, "zoo", "slow"), timeout=60)
    assert few.outputs["turns"].int_val == [3]


def test_defaults_fill_in_for_what_is_missing(prediction, predict_request, refusal):
    assert prediction.Predict(predict_request({"x": [1.0]}, "zoo", "added")).outputs["z"].float_val == [11.0]
    assert prediction.Predict(predict_request({"x": [1.0], "y": [2.0]}, "zoo", "added")).outputs["z"].float_val == [3.0]
    code, message = refusal(prediction.Predict, predict_request({"y": [2.0]}, "zoo", "added"))
    assert code == "INVALID_ARGUMENT"
    assert message.startswith("Signature input alias: x(feed name: added_x:0) not found in request")
    assert message.endswith("Inputs expected to be in the request {y}, or default input alias set: y")


def test_names_beyond_the_signature_are_listed_where_there_are_defaults(prediction, predict_request, refusal):
    """As many names as the signature has inputs, so that the sizes match."""
    refused = refusal(prediction.Predict, predict_request({"x": [1.0], "q": [2.0]}, "zoo", "added"))

    assert refused == (
        "INVALID_ARGUMENT",
        "Inputs contains invalid name. Used request inputs: {x}, request input: {q,x}",
    )
