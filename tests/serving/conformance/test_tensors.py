"""Section 6: TensorProto in and out."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis.predict_pb2 import PredictRequest

VALUES = {
    "float32": ([1.5, -2.0], "float_val"),
    "float64": ([1.5, -2.0], "double_val"),
    "int8": ([1, -2], "int_val"),
    "int16": ([1, -2], "int_val"),
    "int32": ([1, -2], "int_val"),
    "uint8": ([1, 255], "int_val"),
    "uint16": ([1, 65535], "int_val"),
    "int64": ([1, -(2**40)], "int64_val"),
    "uint32": ([1, 2**32 - 1], "uint32_val"),
    "uint64": ([1, 2**64 - 1], "uint64_val"),
    "bool": ([True, False], "bool_val"),
    "string": ([b"a", b"\xff"], "string_val"),
    "float16": ([1.5, -2.0], "half_val"),
    "bfloat16": ([1.5, -2.0], "half_val"),
    "complex64": ([1 + 2j, 3j], "scomplex_val"),
    "complex128": ([1 + 2j, 3j], "dcomplex_val"),
}


def sent(prediction, kind: str, proto: TensorProto) -> TensorProto:
    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "zoo", kind
    request.inputs["v"].CopyFrom(proto)
    return prediction.Predict(request).outputs["v"]


def tensor(kind: str, shape: list[int], **fields: object) -> TensorProto:
    proto = TensorProto(dtype=tf.as_dtype(kind).as_datatype_enum, **fields)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize("kind", VALUES)
def test_every_type_comes_back_in_its_typed_field(prediction, kind):
    values, field = VALUES[kind]
    array = np.array(values, tf.as_dtype(kind).as_numpy_dtype)

    answer = sent(prediction, kind, tf.make_tensor_proto(array))

    assert answer.dtype == tf.as_dtype(kind).as_datatype_enum
    assert len(answer.tensor_content) == 0
    assert len(getattr(answer, field)) == len(values) * (2 if "complex" in field else 1)
    assert tf.make_ndarray(answer).tolist() == array.tolist()


def test_content_and_fields_are_the_same_tensor(prediction):
    content = tensor("float32", [2, 2], tensor_content=np.array([1, 2, 3, 4], "<f4").tobytes())
    fields = tensor("float32", [2, 2], float_val=[1, 2, 3, 4])

    assert list(sent(prediction, "float32", content).float_val) == [1, 2, 3, 4]
    assert list(sent(prediction, "float32", fields).float_val) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("given", "expected"),
    [([], [0, 0, 0, 0]), ([5], [5, 5, 5, 5]), ([1, 2], [1, 2, 2, 2]), ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4])],
)
def test_missing_values_repeat_the_last_one(prediction, given, expected):
    assert list(sent(prediction, "float32", tensor("float32", [4], float_val=given)).float_val) == expected


def test_many_values_in_the_typed_field_are_read_in_order(prediction):
    values = np.arange(5000, dtype=np.float32)

    assert list(sent(prediction, "float32", tensor("float32", [5000], float_val=values)).float_val) == values.tolist()


def test_narrow_integers_wrap_like_a_cast(prediction):
    """300 = 256 + 44."""
    assert list(sent(prediction, "uint8", tensor("uint8", [1], int_val=[300])).int_val) == [44]


def test_a_missing_shape_is_a_scalar(prediction):
    answer = sent(prediction, "float32", tensor("float32", [], float_val=[3.0]))

    assert list(answer.float_val) == [3.0]
    assert len(answer.tensor_shape.dim) == 0


def test_a_tensor_may_be_empty(prediction):
    answer = sent(prediction, "string", tensor("string", [0, 3]))

    assert [dim.size for dim in answer.tensor_shape.dim] == [0, 3]


@pytest.mark.parametrize(
    "proto",
    [
        TensorProto(dtype=0, float_val=[1.0]),
        tensor("float32", [2], tensor_content=b"1234"),
        tensor("float32", [-1], float_val=[1.0]),
        tensor("float32", [2**40, 2**40], float_val=[1.0]),
    ],
)
def test_what_is_no_tensor_is_refused(prediction, refusal, proto):
    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "zoo", "float32"
    request.inputs["v"].CopyFrom(proto)

    assert refusal(prediction.Predict, request) == ("INVALID_ARGUMENT", "tensor parsing error: v")


@pytest.mark.ours
def test_a_small_message_cannot_fill_the_memory(prediction, refusal):
    """One value and a shape of 2**40 would be 4 TiB."""
    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "zoo", "float32"
    request.inputs["v"].CopyFrom(tensor("float32", [2**40], float_val=[1.0]))

    code, message = refusal(prediction.Predict, request)

    assert code == "RESOURCE_EXHAUSTED"
    assert str(4 * 2**40) in message
