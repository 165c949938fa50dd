"""Writing splits as TFRecord shards of about one size, which appear whole and all together, or not at all."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, Literal

import google_crc32c
import numpy as np

from estafet.records.manifest import Shard

GZIP_LEVEL = 3
"""Rounded numbers shrink to 0.37 at 34 MB/s; level 6 makes that 0.35 at 8 MB/s."""
_GZIP_BITS = 31
"""What zlib calls a gzip header and trailer around a window of 32 kB; the header's time is 0, so it is the same bytes
at any time."""

Compression = Literal["none", "gzip"]


class SplitWriters:
    """Writes framed records into the shards of several splits at once; used with `with`.

    The files get their names, `train-00000-of-00002.tfrecord`, when the last one of all is on the disk. After an error
    none is left.

    Attributes:
        shards: For each split its finished shards in order; empty before the block has ended.
    """

    def __init__(
        self, folder: str | Path, names: Iterable[str], *, shard_bytes: int, compression: Compression = "none"
    ):
        """Open the writers.

        Args:
            folder: Where the shards go; it must exist.
            names: The splits (or folds); a shard's name begins with them.
            shard_bytes: A shard that has reached this size is closed, and the next records begin another one.
            compression: `gzip` makes files that end in `.tfrecord.gz`.
        """
        self.shards: dict[str, tuple[Shard, ...]] = {}
        self._syncing = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._splits = {
            name: _SplitFiles(Path(folder), name, shard_bytes, compression, self._syncing) for name in names
        }

    @property
    def num_bytes(self) -> int:
        """Bytes written so far."""
        return sum(files.num_bytes for files in self._splits.values())

    def __enter__(self) -> SplitWriters:
        return self

    def write(self, name: str, framed: bytes | memoryview, num_examples: int) -> None:
        """Append framed records to a split; they all go into one shard."""
        self._splits[name].write(framed, num_examples)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        finished = {}
        try:
            if kind is None:
                for files in self._splits.values():
                    files.close()
                for files in self._splits.values():
                    files.wait()
                finished = {name: files.name_all() for name, files in self._splits.items()}
        finally:
            self._syncing.shutdown()
            if not finished:
                for files in self._splits.values():
                    files.remove_all()
        self.shards = finished


class ShardWriter:
    """Writes framed records into the shards of one split; otherwise like `SplitWriters`.

    Attributes:
        shards: The finished shards in order; empty before the block has ended.
    """

    def __init__(self, folder: str | Path, split: str, *, shard_bytes: int, compression: Compression = "none"):
        """Open a writer; the arguments are those of `SplitWriters`."""
        self.shards: tuple[Shard, ...] = ()
        self._split = split
        self._writers = SplitWriters(folder, [split], shard_bytes=shard_bytes, compression=compression)

    @property
    def num_bytes(self) -> int:
        """Bytes written so far."""
        return self._writers.num_bytes

    def __enter__(self) -> ShardWriter:
        return self

    def write(self, framed: bytes | memoryview, num_examples: int) -> None:
        """Append framed records; they all go into one shard."""
        self._writers.write(self._split, framed, num_examples)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writers.__exit__(kind, error, trace)
        self.shards = self._writers.shards.get(self._split, ())


class _SplitFiles:
    """The shards of one split, under temporary names until `name_all`."""

    def __init__(
        self, folder: Path, split: str, shard_bytes: int, compression: Compression, syncing: ThreadPoolExecutor
    ):
        self.num_bytes = 0
        self._folder, self._split, self._shard_bytes = folder, split, shard_bytes
        self._is_gzip, self._syncing = compression == "gzip", syncing
        self._file: IO[bytes] | None = None
        self._done: list[Shard] = []
        self._paths: list[Path] = []
        self._synced: list[Future[None]] = []

    def write(self, framed: bytes | memoryview, num_examples: int) -> None:
        if not num_examples:
            return
        if self._file is None:
            self._open()
        self._num_examples += num_examples
        self._append(self._compressor.compress(framed) if self._compressor else framed)
        if self._num_shard_bytes >= self._shard_bytes:
            self.close()

    def close(self) -> None:
        """Close the shard that is open, if there is one."""
        if self._file is None:
            return
        if self._compressor:
            self._append(self._compressor.flush())
        self._done.append(
            Shard(
                file=self._paths[-1].name,
                num_examples=self._num_examples,
                num_bytes=self._num_shard_bytes,
                crc32c=self._crc32c,
            )
        )
        # Another thread waits for the disk, while this one goes on with the next shard.
        self._synced.append(self._syncing.submit(_sync_and_close, self._file))
        self._file = None

    def wait(self) -> None:
        """Wait until all that is written is on the disk."""
        for synced in self._synced:
            synced.result()

    def name_all(self) -> tuple[Shard, ...]:
        ending = ".tfrecord.gz" if self._is_gzip else ".tfrecord"
        for i, path in enumerate(self._paths):
            name = f"{self._split}-{i:05d}-of-{len(self._done):05d}{ending}"
            os.replace(path, self._folder / name)
            self._paths[i] = self._folder / name
            self._done[i] = self._done[i].model_copy(update={"file": name})
        return tuple(self._done)

    def remove_all(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # it flushes, and so fails again where the disk is full
                self._file.close()
        for path in self._paths:
            path.unlink(missing_ok=True)

    def _open(self) -> None:
        path = self._folder / f".{self._split}-{len(self._paths):05d}.tmp"
        self._paths.append(path)
        self._file = path.open("wb")
        self._compressor = zlib.compressobj(GZIP_LEVEL, wbits=_GZIP_BITS) if self._is_gzip else None
        self._crc32c = self._num_examples = self._num_shard_bytes = 0

    def _append(self, data: bytes | memoryview) -> None:
        if not len(data):
            return
        self._file.write(data)
        # google_crc32c takes no memoryview, but an array of the same memory.
        self._crc32c = google_crc32c.extend(self._crc32c, np.frombuffer(data, np.uint8))
        self._num_shard_bytes += len(data)
        self.num_bytes += len(data)


def _sync_and_close(file: IO[bytes]) -> None:
    with file:
        file.flush()
        os.fsync(file.fileno())
