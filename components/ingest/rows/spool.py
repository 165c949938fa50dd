"""Rows wait here until all have been read, and come out in buckets by their digests.

What is few stays in memory; what is more goes to files, one for each bucket, so that never more than a bucket is held.
A bucket is a random sample of all rows, and holds all duplicates of each of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa

from components.ingest.rows.rows import Rows

MEMORY_BYTES = 256 * 10**6
BUCKET_BYTES = 16 * 10**6
"""What a bucket on disk is to have."""
MAX_BUCKETS_LOG2 = 8
ROWS_IN_MEMORY_BUCKET = 65_536


class Spool:
    """Collects rows; used with `with`, at the end of which its files are gone."""

    def __init__(self, folder: Path, *, memory_bytes: int | None = None):
        """Open a spool.

        Args:
            folder: Where its files go if there are any; it must exist.
            memory_bytes: How much is kept in memory; `MEMORY_BYTES` where it is not given.
        """
        self.num_rows = 0
        self._folder, self._memory_bytes = folder, memory_bytes or MEMORY_BYTES
        self._waiting: list[Rows] = []
        self._num_bytes_waiting = 0
        self._files: list[_BucketFile] = []

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files:
            file.remove()

    def add(self, rows: Rows, share_read: float) -> None:
        """Take in some rows.

        Args:
            rows: The rows, by rising first half of their digests.
            share_read: Share of the source that has been read with them, above 0 up to 1; tells how many buckets the
                whole will need.
        """
        self.num_rows += len(rows)
        self._waiting.append(rows)
        self._num_bytes_waiting += rows.num_bytes
        if self._num_bytes_waiting > self._memory_bytes:
            if not self._files:
                self._open(self._num_bytes_waiting / max(share_read, 1e-6))
            self._write_out()

    def buckets(self) -> Iterator[Callable[[], Rows]]:
        """Give what gives the rows of each bucket, bucket after bucket with rising digests."""
        if self._files:
            self._write_out()
            yield from (file.read for file in self._files if file.has_rows)
        else:
            num_buckets_log2 = max(0, (self.num_rows // ROWS_IN_MEMORY_BUCKET).bit_length())
            for pieces in _by_bucket(self._waiting, num_buckets_log2):
                if pieces:
                    yield partial(Rows.joined, pieces)

    def _open(self, num_bytes: float) -> None:
        num_buckets_log2 = min(MAX_BUCKETS_LOG2, max(1, int(num_bytes // BUCKET_BYTES).bit_length()))
        self._files = [_BucketFile(self._folder / f".spool-{i:04d}.arrow") for i in range(2**num_buckets_log2)]
        # From now on memory holds what waits to be written in good pieces.
        self._memory_bytes //= 4

    def _write_out(self) -> None:
        waiting, self._waiting, self._num_bytes_waiting = self._waiting, [], 0
        for file, pieces in zip(self._files, _by_bucket(waiting, len(self._files).bit_length() - 1), strict=True):
            if pieces:
                file.write(Rows.joined(pieces))


class _BucketFile:
    """The rows of one bucket on disk."""

    def __init__(self, path: Path):
        self._path = path
        self._file: pa.OSFile | None = None
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._like: Rows | None = None

    @property
    def has_rows(self) -> bool:
        return self._writer is not None

    def write(self, rows: Rows) -> None:
        batch = rows.to_batch()
        if self._writer is None:
            self._file = pa.OSFile(str(self._path), "wb")
            self._writer = pa.ipc.new_stream(self._file, batch.schema)
            self._like = rows.slice(0, 0)
        self._writer.write_batch(batch)

    def read(self) -> Rows:
        self._close()
        with pa.OSFile(str(self._path), "rb") as file:
            rows = Rows.from_table(pa.ipc.open_stream(file).read_all(), self._like)
        self.remove()
        return rows

    def remove(self) -> None:
        try:
            self._close()
        finally:
            self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        """Close the writer, and the file, which it leaves open: the disk has its room back only then."""
        if self._file is None or self._file.closed:
            return
        with self._file:
            if self._writer is not None:
                self._writer.close()


def _by_bucket(batches: list[Rows], num_buckets_log2: int) -> Iterator[list[Rows]]:
    """Give for each bucket the rows that each batch has for it."""
    starts = np.arange(1, 2**num_buckets_log2, dtype=np.uint64) << np.uint64(64 - max(1, num_buckets_log2))
    cuts = [[0, *np.searchsorted(rows.digests[:, 0], starts).tolist(), len(rows)] for rows in batches]
    for i in range(2**num_buckets_log2):
        yield [rows.slice(at[i], at[i + 1]) for rows, at in zip(batches, cuts, strict=True) if at[i + 1] > at[i]]
