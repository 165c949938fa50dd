"""CRC32C of many rows at a time, in NumPy: the checksum is affine, so what changes from row to row can be added up.

Source:
    CRC32C (Castagnoli) is RFC 3720, appendix B.4.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

_POLYNOMIAL = np.uint32(0x82F63B78)


def advanced(states_N: np.ndarray, num_bytes: int) -> np.ndarray:
    """Return the registers of a CRC32C after so many more zero bytes, uint32 (N,).

    Message bytes come in by XOR into the register that they are about to leave: `advanced(state ^ word, 4)` takes in
    a little-endian word. The map is linear over GF(2), so it is the XOR of what it makes of the two halves.
    """
    low, high = _tables(num_bytes)
    # Every 16-bit index is valid; "wrap" is only the mode in which NumPy checks it the fastest.
    states_N, highs_N = low.take(states_N.astype(np.uint16), mode="wrap"), states_N >> np.uint32(16)
    states_N ^= high.take(highs_N.astype(np.uint16), mode="wrap")
    return states_N


@lru_cache(maxsize=64)
def _tables(num_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what becomes of each value of the lower and of the upper half of a register, uint32 (65536,) each."""
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    for _ in range(num_bytes):
        bits = _byte_table()[bits & 0xFF] ^ (bits >> np.uint32(8))
    return _sums(bits[:16]), _sums(bits[16:])


def _sums(bits: np.ndarray) -> np.ndarray:
    sums = np.zeros(1, np.uint32)
    for bit in bits:
        sums = np.concatenate([sums, sums ^ bit])
    return sums


@lru_cache(maxsize=1)
def _byte_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ _POLYNOMIAL, table >> 1).astype(np.uint32)
    return table
