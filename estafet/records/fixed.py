"""Rows of numbers that all take the same number of bytes: a template is broadcast, and the values are written into it.

Floats take four bytes each, and integers are varints padded to a width (which protobuf allows). The checksums follow
from the template's, because CRC32C is affine. Everything is done by column, on 32-bit words, and on so many rows at a
time that they stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import google_crc32c
import numpy as np

from estafet.records.checksums import advanced
from estafet.records.framing import NUM_FOOTER_BYTES, NUM_HEADER_BYTES, header, mask
from estafet.records.protobuf import FLOAT_LIST, INT64_LIST, entry_head, int_width, tag

ROWS_AT_ONCE = 32_768
MAX_AFFINE_WORDS = 64
"""Above so many words in a row, a checksum of each row is faster than adding up what each word changes."""


@dataclass(frozen=True)
class Numbers:
    """The numbers of one key, as many in each row.

    Attributes:
        name: The key.
        columns: K arrays of shape (N,): floats or integers.
        widths: For integers, how many bytes the varints of each column take; empty for floats.
        floats: The columns side by side, where they are so in memory as float32: shape (N, K).
    """

    name: str
    columns: Sequence[np.ndarray]
    widths: tuple[int, ...] = ()
    floats: np.ndarray | None = None

    @classmethod
    def of(cls, name: str, columns: np.ndarray | Sequence[np.ndarray], widths: int | Sequence[int] | None) -> Numbers:
        """Take the columns of one key, and find the widths of integers where they are not given.

        Raises:
            ValueError: An integer does not fit into its width, or into an int64.
        """
        is_matrix = isinstance(columns, np.ndarray)
        columns_KN = columns.T if is_matrix else columns
        kinds = {columns.dtype.kind} if is_matrix else {column_N.dtype.kind for column_N in columns}
        if "f" in kinds:
            is_ready = is_matrix and columns.dtype == np.dtype("<f4") and columns.flags.c_contiguous
            return cls(name, columns_KN, floats=columns if is_ready else None)
        needed = tuple(_width(name, column_N) for column_N in columns_KN)
        if widths is None:
            return cls(name, columns_KN, needed)
        given = tuple(widths) if isinstance(widths, Sequence) else (int(widths),) * len(needed)
        if len(given) != len(needed) or any(width < least for width, least in zip(given, needed, strict=True)):
            raise ValueError(f"the integers of '{name}' take {needed} bytes, and have {given}")
        return cls(name, columns_KN, given)

    @property
    def list_field(self) -> int:
        """Which of the lists of a `tf.train.Feature` holds them."""
        return INT64_LIST if self.widths else FLOAT_LIST

    @property
    def num_bytes(self) -> int:
        """How many bytes they take in a row."""
        return sum(self.widths) if self.widths else 4 * len(self.columns)

    def words(self, start: int, stop: int) -> np.ndarray:
        """Return the bytes of some rows as little-endian words, by column, uint32 (num_words, rows)."""
        if not self.widths:
            words_WN = np.empty((len(self.columns), stop - start), "<f4")
            with np.errstate(over="ignore", invalid="ignore"):  # what is beyond float32 becomes infinite
                for words_N, values_N in zip(words_WN, self.columns, strict=True):
                    words_N[:] = values_N[start:stop]
            return words_WN.view("<u4")
        words_WN = np.zeros((-(-self.num_bytes // 4), stop - start), "<u4")
        first = 0
        for values_N, width in zip(self.columns, self.widths, strict=True):
            _add_varints(words_WN, first, values_N[start:stop], width)
            first += width
        return words_WN


def _width(name: str, values_N: np.ndarray) -> int:
    if not len(values_N):
        return 1
    smallest, largest = int(values_N.min()), int(values_N.max())
    if largest >= 2**63:
        raise ValueError(f"'{name}' holds {largest}, and the integers of an example end at 2**63 - 1")
    return int_width(smallest, largest)


def _add_varints(words_WN: np.ndarray, first: int, values_N: np.ndarray, width: int) -> None:
    """Write integers as varints of so many bytes, from byte `first` of each row on."""
    unsigned_N = values_N.astype(np.int64).view(np.uint64)
    for i in range(width):
        part_N = (unsigned_N >> np.uint64(7 * i)).astype(np.uint32) & np.uint32(0x7F)
        if i < width - 1:
            part_N |= np.uint32(0x80)
        part_N <<= np.uint32(8 * ((first + i) % 4))
        words_WN[(first + i) // 4] |= part_N


class Layout:
    """Where each value stands in a row.

    Attributes:
        template: The bytes of a row whose values are all zero.
    """

    def __init__(self, shape: tuple[tuple[str, int, int], ...], *, is_whole: bool):
        """Lay out keys.

        Args:
            shape: For each key its name, its list's field and the number of bytes of its values.
            is_whole: Whether the row is a whole example, and not only some entries of one.
        """
        body, self._firsts = bytearray(), []
        for name, list_field, num_bytes in shape:
            body += entry_head(name, list_field, num_bytes)
            self._firsts.append(len(body))
            body += bytes(num_bytes)
        start = tag(1, len(body)) if is_whole else b""
        self._firsts = [first + len(start) for first in self._firsts]
        self.template = np.frombuffer(start + bytes(body), np.uint8)
        starts = [
            first + at for first, (_, _, count) in zip(self._firsts, shape, strict=True) for at in range(0, count, 4)
        ]
        self._distances = np.diff([*starts, len(self.template)]).tolist()
        self._crc32c = np.uint32(google_crc32c.value(self.template.tobytes()))

    def fill(self, rows_NB: np.ndarray, numbers: Sequence[Numbers], start: int = 0) -> list[np.ndarray]:
        """Write rows, from row `start` of the numbers on; return each key's words, uint32 (num_words, N)."""
        rows_NB[:] = self.template
        written = []
        for first, values in zip(self._firsts, numbers, strict=True):
            words_WN = values.words(start, start + len(rows_NB))
            num_whole = values.num_bytes // 4
            whole_NW = rows_NB[:, first : first + 4 * num_whole].view("<u4")
            if values.floats is not None:
                whole_NW[:] = values.floats[start : start + len(rows_NB)].view("<u4")
            else:
                for i in range(num_whole):
                    whole_NW[:, i] = words_WN[i]
            for i in range(4 * num_whole, values.num_bytes):
                rows_NB[:, first + i] = words_WN[-1] >> np.uint32(8 * (i % 4))
            written.append(words_WN)
        return written

    def checksums(self, rows_NB: np.ndarray, words: Sequence[np.ndarray]) -> np.ndarray:
        """Return the CRC32C of each row, uint32 (N,), from what `fill` wrote and returned."""
        if len(self._distances) > MAX_AFFINE_WORDS:
            rows = rows_NB.view(f"V{rows_NB.shape[1]}")[:, 0].tolist()
            return np.fromiter(map(google_crc32c.value, rows), np.uint32, len(rows_NB))
        states_N = np.zeros(len(rows_NB), np.uint32)
        for words_N, distance in zip(chain.from_iterable(words), self._distances, strict=True):
            states_N ^= words_N
            states_N = advanced(states_N, distance)
        return states_N ^ self._crc32c


@lru_cache(maxsize=64)
def _layout(shape: tuple[tuple[str, int, int], ...], is_whole: bool) -> Layout:
    return Layout(shape, is_whole=is_whole)


def layout_of(numbers: Sequence[Numbers], *, is_whole: bool) -> Layout:
    """Return the layout of rows with these numbers."""
    return _layout(tuple((values.name, values.list_field, values.num_bytes) for values in numbers), is_whole)


def framed_rows(numbers: Sequence[Numbers], num_rows: int) -> np.ndarray:
    """Return one framed example for each row, uint8 (num_rows, num_bytes)."""
    layout = layout_of(numbers, is_whole=True)
    num_bytes = len(layout.template)
    framed_NB = np.empty((num_rows, NUM_HEADER_BYTES + num_bytes + NUM_FOOTER_BYTES), np.uint8)
    head = np.frombuffer(header(num_bytes), np.uint8)
    for start in range(0, num_rows, ROWS_AT_ONCE):
        some_NB = framed_NB[start : start + ROWS_AT_ONCE]
        some_NB[:, :NUM_HEADER_BYTES] = head
        rows_NB = some_NB[:, NUM_HEADER_BYTES:-NUM_FOOTER_BYTES]
        crcs_N = layout.checksums(rows_NB, layout.fill(rows_NB, numbers, start))
        some_NB[:, -NUM_FOOTER_BYTES:].view("<u4")[:, 0] = mask(crcs_N)
    return framed_NB
