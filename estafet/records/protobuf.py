"""The wire format of a `tf.train.Example`, as far as an encoder needs it.

Source:
    https://protobuf.dev/programming-guides/encoding and `tensorflow/core/example/feature.proto`.
"""

from __future__ import annotations

from functools import lru_cache

BYTES_LIST, FLOAT_LIST, INT64_LIST = 1, 2, 3
MAX_INT_WIDTH = 10


def int_width(smallest: int, largest: int) -> int:
    """Return how many bytes the widest varint of int64 values takes: 1 to 9, or 10 where one is negative."""
    return MAX_INT_WIDTH if smallest < 0 else max(1, -(-int(largest).bit_length() // 7))


def varint(value: int) -> bytes:
    """Return a number that is not negative as a varint, the low seven bits first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


@lru_cache(maxsize=4096)
def tag(field: int, num_bytes: int) -> bytes:
    """Return the tag and the length of a field of so many bytes."""
    return bytes([field << 3 | 2]) + varint(num_bytes)


@lru_cache(maxsize=4096)
def entry_head(name: str, list_field: int, num_bytes: int) -> bytes:
    """Return what stands before the values of one key: map entry, key, feature and list.

    Args:
        name: The key.
        list_field: `BYTES_LIST`, `FLOAT_LIST` or `INT64_LIST`.
        num_bytes: Length of all values; for bytes, including the tag and the length of each.
    """
    # Floats and integers are packed, one length before all of them; each bytes value has brought its own.
    packed = b"" if list_field == BYTES_LIST or not num_bytes else tag(1, num_bytes)
    values = tag(list_field, len(packed) + num_bytes) + packed
    key = name.encode()
    entry = tag(1, len(key)) + key + tag(2, len(values) + num_bytes) + values
    return tag(1, len(entry) + num_bytes) + entry
