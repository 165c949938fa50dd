"""Tensors on the wire: TensorProto to NumPy and back, as TensorFlow's own `FromProto` and `AsProtoField` do it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from serving.server.calls.wire import bytes_field, packed_values, varint, varint_field
from serving.server.status import Code, StatusError

MAX_TENSOR_BYTES = 2**31 - 1
"""Memory that one tensor of a request may take: a small message may name a huge shape, and repeat one value into it."""
MAX_DIMS = 64
"""NumPy's own limit; TensorFlow's is 254."""
_PACKED_FROM = 32
_POINTER_BYTES = 8


class Kind(NamedTuple):
    """How the elements of one type travel.

    Attributes:
        enum: The number of the type.
        dtype: NumPy's type.
        field: The typed field of the message.
        number: That field's number.
        wire: Type of the field's elements on the wire where they have a fixed size, else None.
    """

    enum: int
    dtype: np.dtype
    field: str
    number: int
    wire: np.dtype | None


def _kind(enum: int, dtype: Any, field: str, number: int, wire: Any = None) -> Kind:
    return Kind(enum, np.dtype(dtype), field, number, None if wire is None else np.dtype(wire))


_KINDS = (
    _kind(1, np.float32, "float_val", 5, "<f4"),
    _kind(2, np.float64, "double_val", 6, "<f8"),
    _kind(3, np.int32, "int_val", 7),
    _kind(4, np.uint8, "int_val", 7),
    _kind(5, np.int16, "int_val", 7),
    _kind(6, np.int8, "int_val", 7),
    _kind(7, object, "string_val", 8),
    _kind(8, np.complex64, "scomplex_val", 9, "<f4"),
    _kind(9, np.int64, "int64_val", 10),
    _kind(10, np.bool_, "bool_val", 11),
    _kind(14, ml_dtypes.bfloat16, "half_val", 13),
    _kind(17, np.uint16, "int_val", 7),
    _kind(18, np.complex128, "dcomplex_val", 12, "<f8"),
    _kind(19, np.float16, "half_val", 13),
    _kind(22, np.uint32, "uint32_val", 16),
    _kind(23, np.uint64, "uint64_val", 17),
)
_BY_ENUM = {kind.enum: kind for kind in _KINDS}
_BY_DTYPE = {kind.dtype: kind for kind in _KINDS}


def to_array(proto: Any, alias: str, *, max_bytes: int = MAX_TENSOR_BYTES) -> np.ndarray:
    """Return a message's tensor; it shares the memory of `tensor_content`, and must not be written to.

    Args:
        proto: A TensorProto.
        alias: The input's name, for the error.
        max_bytes: Memory that the tensor may take.

    Returns:
        An array of the message's shape; strings as bytes objects.

    Raises:
        StatusError: INVALID_ARGUMENT where the message is no tensor, RESOURCE_EXHAUSTED where the tensor is too large.
    """
    kind, shape = _BY_ENUM.get(proto.dtype), _shape(proto)
    if kind is None or shape is None:
        raise _broken(alias)
    size = math.prod(shape)
    num_bytes = size * (_POINTER_BYTES if kind.dtype.hasobject else kind.dtype.itemsize)
    if num_bytes > max_bytes:
        raise StatusError(
            Code.RESOURCE_EXHAUSTED, f"input {alias} would take {num_bytes} bytes; this server takes {max_bytes}"
        )
    content = proto.tensor_content
    if not size:
        return np.empty(shape, kind.dtype)
    if content:
        return _from_content(content, kind, size, alias).reshape(shape)
    return _from_field(proto, kind, size).reshape(shape)


def fill(proto: Any, array: np.ndarray, *, as_content: bool = False) -> None:
    """Write an array into an empty TensorProto.

    Args:
        proto: The message.
        array: The values; strings as bytes objects.
        as_content: Write `tensor_content` in place of the typed field where the type has a fixed size.

    Raises:
        StatusError: UNIMPLEMENTED where the type has no form on the wire.
    """
    kind = _BY_DTYPE.get(array.dtype) or _of_text(array)
    head = _head(kind.enum, array.shape)
    if kind.enum == 7:
        proto.MergeFromString(head)
        proto.string_val.extend(array.reshape(-1).tolist())
    elif as_content:
        proto.MergeFromString(head + bytes_field(4, array.tobytes()))
    elif kind.wire is not None or array.dtype == np.bool_:
        proto.MergeFromString(head + bytes_field(kind.number, array.tobytes()) if array.size else head)
    else:
        proto.MergeFromString(head)
        bits = array.view(np.uint16) if kind.field == "half_val" else array
        getattr(proto, kind.field).extend(bits.reshape(-1).tolist())


def _of_text(array: np.ndarray) -> Kind:
    if array.dtype.kind in "SU":
        return _BY_ENUM[7]
    raise StatusError(Code.UNIMPLEMENTED, f"Tensors of type {array.dtype.name} cannot be sent")


def _shape(proto: Any) -> tuple[int, ...] | None:
    """Return the sizes; None where they are no shape of a tensor."""
    given = proto.tensor_shape
    sizes = tuple(dim.size for dim in given.dim)
    if given.unknown_rank or len(sizes) > MAX_DIMS or any(size < 0 for size in sizes):
        return None
    return sizes if math.prod(size or 1 for size in sizes) < 2**63 else None


@lru_cache(maxsize=1024)
def _head(enum: int, shape: tuple[int, ...]) -> bytes:
    """Return the first two fields: answers have few types and shapes, and each is much work."""
    return varint_field(1, enum) + bytes_field(2, _shape_bytes(shape))


def _shape_bytes(shape: Sequence[int]) -> bytes:
    return b"".join(bytes_field(2, varint_field(1, size) if size else b"") for size in shape)


def _from_content(content: bytes, kind: Kind, size: int, alias: str) -> np.ndarray:
    if kind.dtype.hasobject:
        return _strings_of(content, size, alias)
    if len(content) != size * kind.dtype.itemsize:
        raise _broken(alias)
    if kind.dtype == np.bool_ and max(content) > 1:
        raise _broken(alias)
    return np.frombuffer(content, kind.dtype)


def _strings_of(content: bytes, size: int, alias: str) -> np.ndarray:
    """Read strings from `tensor_content`: all their lengths as varints, then all their bytes."""
    lengths, position = [], 0
    while len(lengths) < size:
        length, position = varint(content, position)
        if position < 0:
            raise _broken(alias)
        lengths.append(length)
    if position + sum(lengths) != len(content):
        raise _broken(alias)
    values = np.empty(size, dtype=object)
    for index, length in enumerate(lengths):
        values[index] = content[position : position + length]
        position += length
    return values


def _from_field(proto: Any, kind: Kind, size: int) -> np.ndarray:
    """Read a typed field: missing values are the last one again, and none at all are zeros."""
    given = getattr(proto, kind.field)
    parts = 2 if kind.field.endswith("complex_val") else 1
    num_given = min(len(given) // parts, size)
    if kind.dtype.hasobject:
        return _padded(_objects(given[:num_given]), size, b"")
    if kind.wire is not None and len(given) > _PACKED_FROM:
        values = packed_values(proto.SerializeToString(), kind.number, kind.wire)
    elif kind.wire is not None:
        values = np.array(given, dtype=kind.wire)
    else:
        wide = np.uint64 if kind.dtype == np.uint64 else np.int64
        values = np.fromiter(given, dtype=wide, count=len(given))
    return _padded(_typed(values[: num_given * parts], kind), size, 0)


def _typed(values: np.ndarray, kind: Kind) -> np.ndarray:
    if kind.field == "half_val":
        return values.astype(np.uint16).view(kind.dtype)  # the field holds bit patterns
    if kind.dtype.kind == "c":
        return values.view(kind.dtype)
    return values.astype(kind.dtype, copy=False)  # narrower types wrap, like a cast in C


def _objects(values: Sequence[bytes]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _padded(values: np.ndarray, size: int, nothing: Any) -> np.ndarray:
    if len(values) == size:
        return values
    last = values[-1] if len(values) else nothing
    padded = np.empty(size, dtype=values.dtype)
    padded[: len(values)] = values
    padded[len(values) :] = last
    return padded


def _broken(alias: str) -> StatusError:
    return StatusError(Code.INVALID_ARGUMENT, f"tensor parsing error: {alias}")
