"""NumPy columns to framed `tf.train.Example` records, many rows at a time and without TensorFlow.

Where no column holds bytes, all rows of one call have the same length: floats take four bytes, and integers are varints
padded to one width (which protobuf allows). So a template row is broadcast, the values are copied in by column, and the
checksums follow from the template's, because CRC32C is affine. Rows with bytes are put together one by one.

Source:
    https://protobuf.dev/programming-guides/encoding and `tensorflow/core/example/feature.proto`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import google_crc32c
import numpy as np

from estafet.records.framing import NUM_FOOTER_BYTES, NUM_HEADER_BYTES, contribution_tables, frame, header, mask

MAX_AFFINE_BYTES = 256
"""Above so many varying bytes in a row, a checksum of each row is faster than adding up contributions."""

_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3


def encode(columns: Mapping[str, np.ndarray]) -> bytes:
    """Return one framed `tf.train.Example` for each row.

    Args:
        columns: For each key its values, shape (N,) or (N, K) with K ≥ 1: floats (written as float32), integers or
            booleans (int64), or objects of type bytes.

    Raises:
        ValueError: The columns have different lengths, or there is none.
        TypeError: A column's type has no place in an example.
    """
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise ValueError(f"the columns must have one length, not {sorted(lengths)}")
    if lengths == {0}:
        return b""
    two_axes = {name: np.asarray(columns[name]).reshape(len(columns[name]), -1) for name in sorted(columns)}
    kinds = {name: values.dtype.kind for name, values in two_axes.items()}
    for name, kind in kinds.items():
        if kind not in "fiubO":
            raise TypeError(f"column '{name}' of type {two_axes[name].dtype} has no place in an example")
    fixed = {name: values for name, values in two_axes.items() if kinds[name] != "O"}
    if len(fixed) == len(two_axes):
        return _encode_fixed(fixed)
    return _encode_varying(fixed, {name: values for name, values in two_axes.items() if kinds[name] == "O"})


class _Layout:
    """Where each value stands in a row of a fixed layout.

    Attributes:
        template: The bytes of a row whose values are all zero, without the frame.
        spans: For each column the first byte and the number of bytes of its values.
    """

    def __init__(self, shape: tuple[tuple[str, int, int, int], ...], *, whole: bool):
        body, spans = bytearray(), {}
        for name, list_field, num_values, width in shape:
            num_bytes = num_values * width
            head = _entry_head(name, list_field, num_bytes)
            spans[name] = (len(body) + len(head), num_bytes)
            body += head + bytes(num_bytes)
        start = _tag(1, len(body)) if whole else b""
        self.template = np.frombuffer(bytes(start + body), np.uint8)
        self.spans = {name: (first + len(start), count) for name, (first, count) in spans.items()}
        self.num_varying = sum(count for _, count in self.spans.values())
        self._tables: np.ndarray | None = None

    def fill(self, rows_NB: np.ndarray, blocks: Mapping[str, np.ndarray]) -> None:
        """Write the template and then the values into rows of bytes."""
        rows_NB[:] = self.template
        for name, (first, count) in self.spans.items():
            rows_NB[:, first : first + count] = blocks[name]

    def checksums(self, rows_NB: np.ndarray, blocks: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the CRC32C of each row, uint32 (N,)."""
        if self.num_varying > MAX_AFFINE_BYTES:
            return np.fromiter((google_crc32c.value(row.tobytes()) for row in rows_NB), np.uint32, len(rows_NB))
        if self._tables is None:
            varying = [byte for first, count in self.spans.values() for byte in range(first, first + count)]
            self._tables = contribution_tables(len(self.template), varying)
        crcs_N = np.full(len(rows_NB), google_crc32c.value(self.template.tobytes()), np.uint32)
        tables = iter(self._tables)
        for name in self.spans:
            for bytes_N in np.ascontiguousarray(blocks[name].T):
                crcs_N ^= next(tables).take(bytes_N)
        return crcs_N


@lru_cache(maxsize=64)
def _layout(shape: tuple[tuple[str, int, int, int], ...], whole: bool) -> _Layout:
    return _Layout(shape, whole=whole)


def _encode_fixed(columns: Mapping[str, np.ndarray]) -> bytes:
    blocks, shape = _value_bytes(columns)
    layout = _layout(shape, True)
    num_rows, num_bytes = len(next(iter(columns.values()))), len(layout.template)
    framed_NB = np.empty((num_rows, NUM_HEADER_BYTES + num_bytes + NUM_FOOTER_BYTES), np.uint8)
    framed_NB[:, :NUM_HEADER_BYTES] = np.frombuffer(header(num_bytes), np.uint8)
    rows_NB = framed_NB[:, NUM_HEADER_BYTES:-NUM_FOOTER_BYTES]
    layout.fill(rows_NB, blocks)
    crcs_N = mask(layout.checksums(rows_NB, blocks))
    framed_NB[:, -NUM_FOOTER_BYTES:] = crcs_N.astype("<u4")[:, None].view(np.uint8)
    return framed_NB.tobytes()


def _encode_varying(fixed: Mapping[str, np.ndarray], varying: Mapping[str, np.ndarray]) -> bytes:
    num_rows = len(next(iter(varying.values())))
    starts = [b""] * num_rows
    if fixed:
        blocks, shape = _value_bytes(fixed)
        layout = _layout(shape, False)
        rows_NB = np.empty((num_rows, len(layout.template)), np.uint8)
        layout.fill(rows_NB, blocks)
        starts = [row.tobytes() for row in rows_NB]
    records = []
    for start, *rows in zip(starts, *varying.values(), strict=True):
        parts = [start]
        for name, row in zip(varying, rows, strict=True):
            items = b"".join([_tag(1, len(value)) + value for value in row])
            parts += (_entry_head(name, _BYTES_LIST, len(items)), items)
        body = b"".join(parts)
        records.append(_tag(1, len(body)) + body)
    return frame(records)


def _value_bytes(
    columns: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], tuple[tuple[str, int, int, int], ...]]:
    blocks, shape = {}, []
    for name, values_NK in columns.items():
        if values_NK.dtype.kind == "f":
            blocks[name] = np.ascontiguousarray(values_NK, "<f4").view(np.uint8)
            shape.append((name, _FLOAT_LIST, values_NK.shape[1], 4))
        else:
            blocks[name], width = _padded_varints(values_NK)
            shape.append((name, _INT64_LIST, values_NK.shape[1], width))
    return blocks, tuple(shape)


def _padded_varints(values_NK: np.ndarray) -> tuple[np.ndarray, int]:
    """Return integers as varints that all take the width of the widest, uint8 (N, K · width), and that width."""
    unsigned_NK = values_NK.astype(np.int64).view(np.uint64)
    width = max(1, -(-int(unsigned_NK.max()).bit_length() // 7))
    shifts = np.arange(width, dtype=np.uint64) * np.uint64(7)
    bytes_NKW = ((unsigned_NK[..., None] >> shifts) & np.uint64(0x7F)).astype(np.uint8)
    bytes_NKW[..., :-1] |= 0x80
    return bytes_NKW.reshape(len(values_NK), -1), width


@lru_cache(maxsize=4096)
def _entry_head(name: str, list_field: int, num_bytes: int) -> bytes:
    """Return what stands before the values of one key: map entry, key, feature and list."""
    # Floats and integers are packed, one length before all of them; each bytes value has brought its own.
    packed = b"" if list_field == _BYTES_LIST else _tag(1, num_bytes)
    values = _tag(list_field, len(packed) + num_bytes) + packed
    key = name.encode()
    entry = _tag(1, len(key)) + key + _tag(2, len(values) + num_bytes) + values
    return _tag(1, len(entry) + num_bytes) + entry


@lru_cache(maxsize=4096)
def _tag(field: int, num_bytes: int) -> bytes:
    """Return the tag and the length of a field of so many bytes."""
    return bytes([field << 3 | 2]) + _varint(num_bytes)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
