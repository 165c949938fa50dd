"""TensorProto to NumPy and back, against TensorFlow's own reading of the same bytes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.framework.tensor_pb2 import TensorProto

from serving.server.calls.tensors import fill, to_array
from serving.server.status import Code, StatusError

KINDS = ["float32", "float64", "half", "bfloat16", "int8", "int16", "int32", "int64"]
KINDS += ["uint8", "uint16", "uint32", "uint64", "bool", "complex64", "complex128", "string"]
FIELDS = {
    "half_val": st.integers(0, 2**16 - 1),
    "float_val": st.floats(width=32, allow_nan=False),
    "double_val": st.floats(allow_nan=False),
    "int_val": st.integers(-(2**31), 2**31 - 1),
    "string_val": st.binary(max_size=3),
    "int64_val": st.integers(-(2**63), 2**63 - 1),
    "bool_val": st.booleans(),
    "uint32_val": st.integers(0, 2**32 - 1),
    "uint64_val": st.integers(0, 2**64 - 1),
}


def proto(kind: str, *shape: int, **fields: object) -> TensorProto:
    made = TensorProto(dtype=tf.as_dtype(kind).as_datatype_enum, **fields)
    for size in shape:
        made.tensor_shape.dim.add(size=size)
    return made


def by_tensorflow(message: TensorProto) -> np.ndarray | None:
    """Return what the runtime itself reads, or None where it refuses."""
    try:
        read = tf.raw_ops.ParseTensor(serialized=message.SerializeToString(), out_type=message.dtype).numpy()
        return np.array(read, object) if isinstance(read, bytes) else read
    except (tf.errors.InvalidArgumentError, ValueError, TypeError):
        return None


def sample(kind: str, shape: tuple[int, ...]) -> np.ndarray:
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    if kind == "string":
        return np.array([b"s%d" % number for number in numbers.reshape(-1)] or [], object).reshape(shape)
    return (numbers % 2 if kind == "bool" else numbers).astype(tf.as_dtype(kind).as_numpy_dtype)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (40, 2), (2, 0, 3)])
@pytest.mark.parametrize("kind", KINDS)
def test_an_array_goes_out_and_comes_back(kind, shape):
    array = sample(kind, shape)
    for as_content in (False, True):
        message = TensorProto()

        fill(message, array, as_content=as_content)

        assert to_array(message, "x").tolist() == array.tolist()
        assert np.array_equal(by_tensorflow(message), array)
        assert not message.tensor_content or (as_content and kind != "string")


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(data=st.data(), kind=st.sampled_from(KINDS), shape=st.lists(st.integers(-1, 3), max_size=3))
def test_messages_are_read_as_the_runtime_reads_them(data, kind, shape):
    """Too few values, too many, values in the wrong field, contents of the wrong size."""
    fields = {}
    for field in data.draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=2, unique=True)):
        fields[field] = data.draw(st.lists(FIELDS[field], max_size=30))
    if data.draw(st.sampled_from([False, False, True])):
        fields["tensor_content"] = data.draw(st.binary(max_size=12))
    message = proto(kind, *shape, **fields)

    expected = by_tensorflow(message)

    if expected is None:
        with pytest.raises(StatusError) as caught:
            to_array(message, "x")
        assert (caught.value.code, caught.value.message) == (Code.INVALID_ARGUMENT, "tensor parsing error: x")
    else:
        found = to_array(message, "x")
        assert found.shape == expected.shape
        assert found.astype(expected.dtype).tobytes() == expected.tobytes() or found.tolist() == expected.tolist()


def test_content_is_not_copied():
    content = np.arange(1000, dtype="<f4").tobytes()

    array = to_array(proto("float32", 1000, tensor_content=content), "x")

    assert not array.flags.owndata
    assert array[999] == 999


def test_strings_may_come_as_content():
    """All lengths first, then all bytes: 2, 0, 1."""
    array = to_array(proto("string", 3, tensor_content=b"\x02\x00\x01abc"), "x")

    assert array.tolist() == [b"ab", b"", b"c"]


def test_a_tensor_may_not_take_more_memory_than_it_is_allowed():
    message = proto("float32", 1000, float_val=[1.0])

    assert to_array(message, "x", max_bytes=4000).shape == (1000,)
    with pytest.raises(StatusError) as caught:
        to_array(message, "x", max_bytes=3999)
    assert caught.value.code == Code.RESOURCE_EXHAUSTED


def test_more_dimensions_than_numpy_has_are_refused():
    with pytest.raises(StatusError, match="tensor parsing error"):
        to_array(proto("float32", *[1] * 65, float_val=[1.0]), "x")
