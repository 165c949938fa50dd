"""Rows of various lengths, put together from pieces without a Python object for each value.

A row is some pieces one after the other, and each piece is an entry of a pool, an Arrow array of binary. So all pools
are put into one, a matrix (rows, pieces) says which entries make up each row, and Arrow's `take` with that matrix, row
after row, is the records. Each distinct word, length and head of a key is encoded once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from estafet.records.fixed import Numbers, layout_of
from estafet.records.framing import NUM_FOOTER_BYTES, NUM_HEADER_BYTES, header, mask
from estafet.records.protobuf import BYTES_LIST, entry_head, tag

NONE = -1
"""Code of a row that goes without the piece."""

_BINARY = pa.large_binary()
_MAX_COUNTED_LENGTH = 1 << 16
_ENTRIES_AT_ONCE = 1024


@dataclass(frozen=True)
class Piece:
    """One piece of each row.

    Attributes:
        pool: Entries, `large_binary` without null.
        codes: Which entry each row has, int64 (N,), or `NONE`.
    """

    pool: pa.Array
    codes: np.ndarray

    def lengths(self) -> np.ndarray:
        """Return the number of bytes that the piece takes in each row, int64 (N,)."""
        return np.append(np.diff(_offsets(self.pool)), 0).take(self.codes)  # the last one, 0, is that of NONE


def fixed_piece(numbers: Sequence[Numbers], num_rows: int) -> Piece:
    """Return the entries of keys that take the same number of bytes in each row."""
    layout = layout_of(numbers, is_whole=False)
    rows_NB = np.empty((num_rows, len(layout.template)), np.uint8)
    layout.fill(rows_NB, numbers)
    return Piece(_pool(rows_NB, np.arange(num_rows + 1) * rows_NB.shape[1]), np.arange(num_rows))


def number_piece(numbers: Numbers, is_there_N: np.ndarray) -> Piece:
    """Return the entry of a key with numbers in some rows; the others go without."""
    piece = fixed_piece([numbers], int(is_there_N.sum()))
    return Piece(piece.pool, np.where(is_there_N, np.cumsum(is_there_N) - 1, NONE))


def word_piece(name: str, words: pa.Array) -> Piece:
    """Return the entry of a key with one word in each row; a row with null goes without."""
    words, codes_N = _coded(words)
    return Piece(_prefixed(words, lambda n: entry_head(name, BYTES_LIST, len(tag(1, n)) + n) + tag(1, n)), codes_N)


def words_pieces(name: str, columns: Sequence[pa.Array]) -> list[Piece]:
    """Return the entry of a key with K words in each row, of which null is the empty one."""
    pieces = [Piece(*_items(column)) for column in columns]
    return [_head_piece(name, BYTES_LIST, sum(piece.lengths() for piece in pieces)), *pieces]


def word_lists_pieces(name: str, words_M: pa.Array, counts_N: np.ndarray, is_there_N: np.ndarray) -> list[Piece]:
    """Return the entry of a key with a list of words in each row, of which null is the empty one.

    Args:
        name: The key.
        words_M: The words of all rows, one after the other.
        counts_N: How many of them are each row's, int64.
        is_there_N: Whether the row has the key, bool.
    """
    items, codes_M = _items(words_M)
    items = items.take(pa.array(codes_M))
    ends = _offsets(items)[_ends(counts_N)]
    return _list_pieces(name, BYTES_LIST, _pool(items.buffers()[2], ends), is_there_N)


def number_lists_pieces(
    name: str, values_M: np.ndarray, counts_N: np.ndarray, is_there_N: np.ndarray, width: int | None
) -> list[Piece]:
    """Return the entry of a key with a list of numbers in each row; the arguments are those of `word_lists_pieces`."""
    numbers = Numbers.of(name, [values_M], width)
    size = numbers.num_bytes
    bytes_MB = np.ascontiguousarray(numbers.words(0, len(values_M)).T).view(np.uint8)[:, :size]
    pool = _pool(np.ascontiguousarray(bytes_MB), _ends(counts_N) * size)
    return _list_pieces(name, numbers.list_field, pool, is_there_N)


def framed_rows(pieces: Sequence[Piece]) -> np.ndarray:
    """Return the framed examples of rows that consist of these pieces, one after the other, uint8 (num_bytes,)."""
    lengths_N, codes_N = _distinct(sum(piece.lengths() for piece in pieces))
    starts = [header(len(tag(1, n)) + n) + tag(1, n) for n in lengths_N.tolist()]
    first = Piece(pa.array(starts, _BINARY), codes_N)
    last = Piece(pa.array([bytes(NUM_FOOTER_BYTES)], _BINARY), np.zeros_like(codes_N))
    taken, ends_N = _joined([first, *pieces, last])
    _write_footers(taken, ends_N)
    return taken


def _joined(pieces: Sequence[Piece]) -> tuple[np.ndarray, np.ndarray]:
    """Return all rows' bytes, and where each row ends."""
    nothing = sum(len(piece.pool) for piece in pieces)
    codes_NP = np.empty((len(pieces[0].codes), len(pieces)), np.int64)
    base = 0
    for i, piece in enumerate(pieces):
        codes_NP[:, i] = np.where(piece.codes == NONE, nothing, piece.codes + base)
        base += len(piece.pool)
    pool = pa.concat_arrays([*(piece.pool for piece in pieces), pa.array([b""], _BINARY)])
    taken = pool.take(pa.array(codes_NP.reshape(-1)))
    ends_N = _offsets(taken)[len(pieces) :: len(pieces)]
    data = np.frombuffer(taken.buffers()[2], np.uint8)[: ends_N[-1]]
    return data if data.flags.writeable else data.copy(), ends_N


def _write_footers(framed: np.ndarray, ends_N: np.ndarray) -> None:
    starts_N, stops_N = np.append(0, ends_N[:-1]) + NUM_HEADER_BYTES, ends_N - NUM_FOOTER_BYTES
    # Every other entry is a record, the others what is between two. Arrow makes bytes of them faster than slicing does.
    records = _pool(framed, np.stack([starts_N, stops_N], axis=1).reshape(-1))
    crcs: list[int] = []
    for start in range(0, len(records), _ENTRIES_AT_ONCE):
        crcs += map(google_crc32c.value, records.slice(start, _ENTRIES_AT_ONCE).to_pylist()[::2])
    footers_NF = mask(np.array(crcs, np.uint32)).astype("<u4")[:, None].view(np.uint8)
    for i in range(NUM_FOOTER_BYTES):
        framed[stops_N + i] = footers_NF[:, i]


def _list_pieces(name: str, list_field: int, pool: pa.Array, is_there_N: np.ndarray) -> list[Piece]:
    payload = Piece(pool, np.where(is_there_N, np.arange(len(pool)), NONE))
    head = _head_piece(name, list_field, payload.lengths())
    return [Piece(head.pool, np.where(is_there_N, head.codes, NONE)), payload]


def _head_piece(name: str, list_field: int, lengths_N: np.ndarray) -> Piece:
    """Return what stands before the values of a key, which take so many bytes in each row."""
    distinct, codes_N = _distinct(lengths_N)
    return Piece(pa.array([entry_head(name, list_field, n) for n in distinct.tolist()], _BINARY), codes_N)


def _items(words: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return the distinct words with tag and length, as the values of a key, and which one each row has."""
    words, codes_N = _coded(words)
    words = pa.concat_arrays([words, pa.array([b""], _BINARY)])
    return _prefixed(words, lambda n: tag(1, n)), np.where(codes_N == NONE, len(words) - 1, codes_N)


def _coded(words: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return words as `large_binary` without null, and which one each row has, or `NONE`."""
    if pa.types.is_dictionary(words.type):
        if len(words.dictionary) <= len(words) and not words.dictionary.null_count:
            return words.dictionary.cast(_BINARY), words.indices.cast(pa.int64()).fill_null(NONE).to_numpy()
        words = words.dictionary_decode()
    codes_N = np.arange(len(words))
    if words.null_count:
        is_valid_N = words.is_valid().to_numpy(zero_copy_only=False)
        codes_N = np.where(is_valid_N, np.cumsum(is_valid_N) - 1, NONE)
    return words.drop_null().cast(_BINARY), codes_N


def _prefixed(words: pa.Array, prefix: Callable[[int], bytes]) -> pa.Array:
    """Put before each word what depends on its length."""
    distinct, codes_M = _distinct(np.diff(_offsets(words)))
    prefixes = pa.array([prefix(n) for n in distinct.tolist()], _BINARY).take(pa.array(codes_M))
    return pc.binary_join_element_wise(prefixes, words, pa.scalar(b"", _BINARY))


def _distinct(lengths_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct lengths, rising, and which one each row has."""
    if lengths_N.max(initial=0) > _MAX_COUNTED_LENGTH:
        return np.unique(lengths_N, return_inverse=True)
    is_there = np.bincount(lengths_N) > 0
    return np.flatnonzero(is_there), (np.cumsum(is_there) - 1)[lengths_N]


def _pool(data: np.ndarray | pa.Buffer, ends: np.ndarray) -> pa.Array:
    """Return the entries that stand one after the other in memory; `ends` begins with the start of the first."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(ends, np.int64)), pa.py_buffer(data)]
    return pa.Array.from_buffers(_BINARY, len(ends) - 1, buffers)


def _offsets(entries: pa.Array) -> np.ndarray:
    """Return where each entry of `large_binary` begins in its buffer, and where the last one ends, int64."""
    return np.frombuffer(entries.buffers()[1], np.int64)[entries.offset : entries.offset + len(entries) + 1]


def _ends(counts_N: np.ndarray) -> np.ndarray:
    """Return where each row's part begins among all, and where the last one ends, int64."""
    return np.append(0, np.cumsum(counts_N))
