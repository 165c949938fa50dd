"""A 128-bit digest of each row, for many rows at once.

It decides about a row's split, its place in the data set and whether it is a duplicate, so it depends on the row's
values and the names of their columns alone: not on the order of columns or rows, nor on what else is in the data. A
number counts as the float32 that a model is given, whichever type its column has in the end. Each
column's value becomes one 64-bit number, and the digest is two multilinear sums of those with random odd
coefficients, each followed by a finaliser. It is no protection against data that were made to collide.

Source:
    Lemire and Kaser, "Strongly universal string hashing is fast" (2014), for the sums; Steele, Lea and Flood, "Fast
    splittable pseudorandom number generators" (2014), for the finaliser of SplitMix64.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.columns import as_numpy

NAN_BITS = np.uint32(0x7FC00000)
ROWS_AT_ONCE = 16_384
LANES = 2


class RowDigest:
    """Digests rows of one table."""

    def __init__(self, numeric: Sequence[str], words: Sequence[str], label: str, seed: int):
        """Draw the coefficients.

        Args:
            numeric: Names of the columns of numbers.
            words: Names of the columns of words.
            label: Name of the label.
            seed: Salt; another one gives other digests.
        """
        self._numeric = coefficients(numeric, seed)
        self._words = coefficients(words, seed)
        self._label = coefficients([f"label {label}"], seed)[0]

    def digests(self, numeric_NK: np.ndarray, words: Sequence[np.ndarray], labels_N: np.ndarray) -> np.ndarray:
        """Return the digest of each row, uint64 (N, 2).

        Args:
            numeric_NK: float32 with one bit pattern for NaN and none for -0.
            words: For each column of words its `word_numbers`.
            labels_N: The label of each row, as `word_numbers` or as the bits of a float32; uint64.
        """
        sums_NL = labels_N[:, None] * self._label
        # In pieces that stay in the cache; a missing value counts as 0, so an empty column changes nothing.
        for start in range(0, len(numeric_NK), ROWS_AT_ONCE):
            piece = slice(start, start + ROWS_AT_ONCE)
            bits_NK = (np.ascontiguousarray(numeric_NK[piece]).view(np.uint32) ^ NAN_BITS).astype(np.uint64)
            sums_NL[piece] += bits_NK @ self._numeric
        for numbers_N, coefficients_L in zip(words, self._words, strict=True):
            sums_NL += numbers_N[:, None] * coefficients_L
        return _finalised(sums_NL)


def coefficients(names: Sequence[str], seed: int) -> np.ndarray:
    """Return odd numbers for each name, uint64 (num_names, 2)."""
    found = [
        hashlib.blake2b(f"{seed}|{name}".encode(), digest_size=8 * LANES, person=b"row").digest() for name in names
    ]
    return np.frombuffer(b"".join(found), "<u8").reshape(len(names), LANES).astype(np.uint64) | np.uint64(1)


def word_numbers(words: pa.Array) -> np.ndarray:
    """Return a number for each word that depends on the word alone, uint64 (N,); 0 for the empty one and for null.

    Each distinct word is digested once, with BLAKE2b.
    """
    encoded = words if pa.types.is_dictionary(words.type) else pc.dictionary_encode(words)
    distinct = [word_number(word) for word in encoded.dictionary.to_pylist()]
    numbers = np.array([*distinct, 0], np.uint64)
    return numbers[codes(encoded)]


def codes(encoded: pa.DictionaryArray) -> np.ndarray:
    """Return the index of each value in the dictionary, int64 (N,); the number of its entries where it is null."""
    return as_numpy(encoded.indices.cast(pa.int64()), missing=len(encoded.dictionary))


def word_number(word: str | None) -> int:
    """Return the number of one word."""
    if not word:
        return 0
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def _finalised(values: np.ndarray) -> np.ndarray:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
