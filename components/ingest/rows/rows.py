"""Some rows of a table, ready to be divided and encoded: arrays with one entry for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from components.ingest.columns import row_numbers

MISSING_INTEGER = np.iinfo(np.int64).min
"""What stands for a missing whole number until it is known whether its column has any."""


@dataclass(frozen=True)
class Rows:
    """Rows in no particular order.

    Attributes:
        digests: 128-bit digest of each row's features and label, uint64 (N, 2).
        draws: What decides about its split: the digest's first half, or the group's; uint64 (N,).
        labels: Index of the class in order of appearance, int32, or the number to predict, float32; (N,).
        numeric: Columns of floats, float32 (N, F); NaN where missing.
        integers: Columns of whole numbers, int64 (N, I); `MISSING_INTEGER` where missing.
        words: Columns of words, UTF-8, each (N,); null or empty where missing.
        numbers: For a split by time, the number of each row among all that were read, int64 (N,).
    """

    digests: np.ndarray
    draws: np.ndarray
    labels: np.ndarray
    numeric: np.ndarray
    integers: np.ndarray
    words: tuple[pa.Array, ...]
    numbers: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_bytes(self) -> int:
        """Memory that the rows take."""
        return sum(array.nbytes for array in (*self._arrays().values(), *self.words))

    def order(self) -> np.ndarray:
        """Return the numbers of the rows by rising digest, int64 (N,).

        Those with one digest have one content, so their order does not count.
        """
        first_N, second_N = self.digests[:, 0], self.digests[:, 1]
        order_N = np.argsort(first_N)
        sorted_N = first_N[order_N]
        return np.lexsort((second_N, first_N)) if np.any(sorted_N[1:] == sorted_N[:-1]) else order_N

    def outline(self, chosen: np.ndarray) -> Rows:
        """Return some of the rows, by their numbers, without their features."""
        bare = replace(self, numeric=self.numeric[:, :0], integers=self.integers[:, :0], words=())
        return bare.take(chosen)

    def slice(self, first: int, end: int) -> Rows:
        """Return the rows from `first` up to `end`, without copying them."""
        arrays = {name: array[first:end] for name, array in self._arrays().items()}
        return Rows(**arrays, words=tuple(words.slice(first, end - first) for words in self.words))

    def take(self, chosen: np.ndarray) -> Rows:
        """Return some of the rows, by their numbers."""
        arrays = {name: array.take(chosen, axis=0) for name, array in self._arrays().items()}
        return Rows(**arrays, words=tuple(words.take(row_numbers(chosen)) for words in self.words))

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """Return the rows of several, one after the other."""
        if len(parts) == 1:
            return parts[0]
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in parts[0]._arrays()}
        words = [pa.concat_arrays(columns) for columns in zip(*(part.words for part in parts), strict=True)]
        return cls(**arrays, words=tuple(words))

    def to_batch(self) -> pa.RecordBatch:
        """Return the rows as an Arrow record batch, without copying them."""
        columns = {name: _as_binary(array) for name, array in self._arrays().items()}
        columns |= {f"words {i}": words for i, words in enumerate(self.words)}
        return pa.RecordBatch.from_pydict(columns)

    @classmethod
    def from_table(cls, table: pa.Table, like: Rows) -> Rows:
        """Return the rows that `to_batch` has put into a table.

        Args:
            table: The batches.
            like: Any rows of the same columns.
        """
        whole = table.combine_chunks()
        arrays = {name: _from_binary(whole.column(name), array) for name, array in like._arrays().items()}
        words = [_only_chunk(whole.column(f"words {i}")) for i in range(len(like.words))]
        return cls(**arrays, words=tuple(words))

    def _arrays(self) -> dict[str, np.ndarray]:
        names = ("digests", "draws", "labels", "numeric", "integers")
        numbers = {} if self.numbers is None else {"numbers": self.numbers}
        return {name: getattr(self, name) for name in names} | numbers


def _as_binary(array: np.ndarray) -> pa.Array:
    width = array.dtype.itemsize * (array.shape[1] if array.ndim == 2 else 1)
    if not width:
        return pa.nulls(len(array))
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), len(array), [None, pa.py_buffer(np.ascontiguousarray(array))]
    )


def _from_binary(column: pa.ChunkedArray, like: np.ndarray) -> np.ndarray:
    shape = (len(column), *like.shape[1:])
    if pa.types.is_null(column.type):
        return np.empty(shape, like.dtype)
    chunk = _only_chunk(column)
    start = chunk.offset * chunk.type.byte_width
    values = np.frombuffer(chunk.buffers()[1], np.uint8)[start : start + len(chunk) * chunk.type.byte_width]
    return values.view(like.dtype).reshape(shape)


def _only_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
