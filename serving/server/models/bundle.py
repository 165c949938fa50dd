"""Reads the index of a checkpoint: how many bytes each of its data files must have.

The index is a table in LevelDB's format, uncompressed, whose values are `BundleEntryProto` messages; reading it here
spares TensorFlow's import and says what TensorFlow's own reader does not: whether the data files are as long as that.

Source:
    tensorflow/core/util/tensor_bundle and tensorflow/core/lib/io/format.h.
"""

from __future__ import annotations

from collections.abc import Iterator

FOOTER_BYTES = 48
MAGIC = 0xDB4775248B80FB57
TRAILER_BYTES = 5
SHARD, OFFSET, SIZE, NUM_SHARDS = 3, 4, 5, 1
_WIRE_BYTES = {1: 8, 5: 4}


def bytes_of_shards(index: bytes) -> list[int]:
    """Return the least size of each data file, in bytes.

    Args:
        index: The contents of `variables.index`.

    Raises:
        ValueError: They are no index, or only a part of one.
    """
    try:
        return _bytes_of_shards(index)
    except (IndexError, KeyError) as error:
        raise ValueError("its blocks do not fit together") from error


def _bytes_of_shards(index: bytes) -> list[int]:
    if len(index) < FOOTER_BYTES or int.from_bytes(index[-8:], "little") != MAGIC:
        raise ValueError("no table ends here")
    footer, at = index[-FOOTER_BYTES:], 0
    for _ in range(2):  # where the meta index is, which says nothing here
        _, at = _varint(footer, at)
    start, at = _varint(footer, at)
    size, _ = _varint(footer, at)
    sizes = [0]
    for _, handle in _entries(_block(index, start, size)):
        start, at = _varint(handle, 0)
        size, _ = _varint(handle, at)
        for key, value in _entries(_block(index, start, size)):
            fields = _numbers(value)
            if not key:
                sizes = [0] * max(fields.get(NUM_SHARDS, 1), 1)
            else:
                shard = fields.get(SHARD, 0)
                sizes[shard] = max(sizes[shard], fields.get(OFFSET, 0) + fields.get(SIZE, 0))
    return sizes


def _block(index: bytes, start: int, size: int) -> bytes:
    if start + size + TRAILER_BYTES > len(index):
        raise ValueError("a block is cut off")
    if index[start + size]:
        raise ValueError("a block is compressed")
    return index[start : start + size]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give a block's keys and values; a key shares its beginning with the one before it."""
    num_restarts = int.from_bytes(block[-4:], "little")
    end, at, key = len(block) - 4 * (num_restarts + 1), 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        size, at = _varint(block, at)
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + size]
        at += own + size


def _numbers(message: bytes) -> dict[int, int]:
    """Return the whole numbers among a message's fields, by field number."""
    found, at = {}, 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            found[tag >> 3], at = _varint(message, at)
        elif kind == 2:
            size, at = _varint(message, at)
            at += size
        else:
            at += _WIRE_BYTES[kind]
    return found


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
