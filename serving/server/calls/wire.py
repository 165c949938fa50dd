"""The little of protobuf's wire format that saves a copy of each element: fixed-size numbers lie packed in a row."""

from __future__ import annotations

import numpy as np

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def varint_bytes(value: int) -> bytes:
    """Return a non-negative number as a varint."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def varint_field(number: int, value: int) -> bytes:
    """Return a field that holds a number."""
    return varint_bytes(number << 3 | _VARINT) + varint_bytes(value)


def bytes_field(number: int, content: bytes) -> bytes:
    """Return a field that holds bytes, a message, or packed numbers."""
    return varint_bytes(number << 3 | _BYTES) + varint_bytes(len(content)) + content


def varint(data: bytes, position: int) -> tuple[int, int]:
    """Read a varint.

    Returns:
        The number and the position after it; −1 as the position where the data end too early or it is too long.
    """
    value = shift = 0
    while position < len(data) and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    return 0, -1


def packed_values(message: bytes, number: int, dtype: np.dtype) -> np.ndarray:
    """Return the numbers of a packed field of a message that a protobuf library wrote.

    Args:
        message: The message.
        number: The field's number.
        dtype: Type of the numbers; they have a fixed size.
    """
    position = 0
    while position < len(message):
        tag, position = varint(message, position)
        kind = tag & 7
        if kind == _BYTES:
            length, position = varint(message, position)
            if tag >> 3 == number:
                return np.frombuffer(message, dtype, length // dtype.itemsize, position)
            position += length
        elif kind == _VARINT:
            _, position = varint(message, position)
        else:
            position += {_FIXED64: 8, _FIXED32: 4}[kind]
    return np.empty(0, dtype)
