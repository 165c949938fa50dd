"""TFRecord framing: a length, its checksum, the record, and its checksum, all little-endian.

Source:
    TensorFlow, `tensorflow/core/lib/io/record_writer.h`; CRC32C (Castagnoli) is RFC 3720, appendix B.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import google_crc32c
import numpy as np

NUM_HEADER_BYTES = 12
NUM_FOOTER_BYTES = 4
_POLYNOMIAL = np.uint32(0x82F63B78)


def frame(records: Sequence[bytes]) -> bytes:
    """Return the records of any lengths, framed, one after the other."""
    crc = google_crc32c.value
    headers = [header(len(record)) for record in records]
    footers = _little_endian(mask(np.fromiter(map(crc, records), np.uint32, len(records))))
    parts: list[bytes] = []
    for i, record in enumerate(records):
        parts += (headers[i], record, footers[4 * i : 4 * i + 4])
    return b"".join(parts)


def header(num_bytes: int) -> bytes:
    """Return what stands before a record of so many bytes: its length and the length's masked checksum."""
    length = num_bytes.to_bytes(8, "little")
    return length + _little_endian(mask(np.array([google_crc32c.value(length)], np.uint32)))


def mask(crcs_N: np.ndarray) -> np.ndarray:
    """Return checksums as TFRecord stores them: rotated right by 15 bits, plus a constant; uint32 (N,)."""
    crcs_N = np.asarray(crcs_N, np.uint32)
    return ((crcs_N >> np.uint32(15)) | (crcs_N << np.uint32(17))) + np.uint32(0xA282EAD8)


def contribution_tables(num_bytes: int, positions: Iterable[int]) -> np.ndarray:
    """Return what a changed byte at each position changes in the CRC32C of a message.

    CRC32C is affine over GF(2): the checksum of a message is that of a template, XORed for each position with the
    table's entry for the XOR of the two bytes there.

    Args:
        num_bytes: Length of the message.
        positions: The bytes that differ from message to message.

    Returns:
        uint32 (num_positions, 256).
    """
    positions = list(positions)
    wanted = {position: row for row, position in enumerate(positions)}
    tables = np.empty((len(positions), 256), np.uint32)
    one_more_zero = _byte_table()
    current = one_more_zero.copy()
    for position in range(num_bytes - 1, min(positions) - 1, -1):
        if position in wanted:
            tables[wanted[position]] = current
        current = one_more_zero[current & 0xFF] ^ (current >> 8)
    return tables


def _byte_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ _POLYNOMIAL, table >> 1).astype(np.uint32)
    return table


def _little_endian(values_N: np.ndarray) -> bytes:
    return values_N.astype("<u4").tobytes()
