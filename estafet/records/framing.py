"""TFRecord framing: a length, its checksum, the record, and its checksum, all little-endian.

Source:
    TensorFlow, `tensorflow/core/lib/io/record_writer.h`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import google_crc32c
import numpy as np

NUM_HEADER_BYTES = 12
NUM_FOOTER_BYTES = 4


def frame(records: Sequence[bytes]) -> bytes:
    """Return the records of any lengths, framed, one after the other."""
    crc = google_crc32c.value
    headers = [header(len(record)) for record in records]
    footers = _little_endian(mask(np.fromiter(map(crc, records), np.uint32, len(records))))
    parts: list[bytes] = []
    for i, record in enumerate(records):
        parts += (headers[i], record, footers[4 * i : 4 * i + 4])
    return b"".join(parts)


@lru_cache(maxsize=4096)
def header(num_bytes: int) -> bytes:
    """Return what stands before a record of so many bytes: its length and the length's masked checksum."""
    length = num_bytes.to_bytes(8, "little")
    return length + _little_endian(mask(np.array([google_crc32c.value(length)], np.uint32)))


def mask(crcs_N: np.ndarray) -> np.ndarray:
    """Return checksums as TFRecord stores them: rotated right by 15 bits, plus a constant; uint32 (N,)."""
    crcs_N = np.asarray(crcs_N, np.uint32)
    return ((crcs_N >> np.uint32(15)) | (crcs_N << np.uint32(17))) + np.uint32(0xA282EAD8)


def _little_endian(values_N: np.ndarray) -> bytes:
    return values_N.astype("<u4").tobytes()
