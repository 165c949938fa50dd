"""Protobuf's wire format, against protobuf itself."""

from __future__ import annotations

import numpy as np
import pytest
from tensorflow.core.framework.tensor_pb2 import TensorProto

from serving.server.calls.wire import bytes_field, packed_values, varint, varint_bytes, varint_field


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**32, 2**63 - 1])
def test_varints_are_read_as_they_were_written(number):
    data = varint_bytes(number)

    assert varint(b"x" + data + b"y", 1) == (number, 1 + len(data))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 11])
def test_a_varint_that_does_not_end_has_no_place(data):
    assert varint(data, 0)[1] == -1


def test_fields_are_what_protobuf_reads():
    message = TensorProto.FromString(varint_field(1, 2) + bytes_field(4, b"abc" * 100))

    assert (message.dtype, message.tensor_content) == (2, b"abc" * 100)


def test_packed_numbers_are_found_behind_other_fields():
    message = TensorProto(dtype=1, version_number=300, float_val=[1.5, 2.5], double_val=[3.5])
    message.tensor_shape.dim.add(size=2, name="n" * 200)
    data = message.SerializeToString()

    assert packed_values(data, 5, np.dtype("<f4")).tolist() == [1.5, 2.5]
    assert packed_values(data, 6, np.dtype("<f8")).tolist() == [3.5]
    assert packed_values(data, 9, np.dtype("<f4")).tolist() == []
