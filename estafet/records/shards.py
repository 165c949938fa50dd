"""Writing one split as TFRecord shards of about one size, each of which appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import IO

import google_crc32c

from estafet.records.manifest import Shard


class ShardWriter:
    """Writes framed records into shards; used with `with`, after which `shards` says what there is.

    The files get their names, `train-00000-of-00002.tfrecord`, when the last one is on the disk and their number is
    known. After an error none is left.

    Attributes:
        shards: The finished shards in order; empty before the block has ended.
        num_bytes: Bytes written so far.
    """

    def __init__(self, folder: str | Path, split: str, *, shard_bytes: int):
        """Open a writer.

        Args:
            folder: Where the shards go; it must exist.
            split: First part of their names.
            shard_bytes: A shard that has reached this size is closed, and the next records begin another one.
        """
        self.shards: tuple[Shard, ...] = ()
        self.num_bytes = 0
        self._folder, self._split, self._shard_bytes = Path(folder), split, shard_bytes
        self._file: IO[bytes] | None = None
        self._done: list[tuple[Path, int, int, int]] = []

    def __enter__(self) -> ShardWriter:
        return self

    def write(self, framed: bytes, num_examples: int) -> None:
        """Append framed records; they all go into one shard."""
        if self._file is None:
            self._open()
        self._file.write(framed)
        self._crc32c = google_crc32c.extend(self._crc32c, framed)
        self._num_examples += num_examples
        self._num_shard_bytes += len(framed)
        self.num_bytes += len(framed)
        if self._num_shard_bytes >= self._shard_bytes:
            self._close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._close()
                self.shards = tuple(self._name_all())
        finally:
            if not self.shards:
                self._remove_all()

    def _open(self) -> None:
        self._file = (self._folder / f".{self._split}-{len(self._done):05d}.tmp").open("wb")
        self._crc32c = self._num_examples = self._num_shard_bytes = 0

    def _close(self) -> None:
        if self._file is None:
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._done.append((Path(self._file.name), self._num_examples, self._num_shard_bytes, self._crc32c))
        self._file = None

    def _name_all(self) -> list[Shard]:
        named = []
        for i, (path, num_examples, num_bytes, crc32c) in enumerate(self._done):
            name = f"{self._split}-{i:05d}-of-{len(self._done):05d}.tfrecord"
            os.replace(path, self._folder / name)
            named.append(Shard(file=name, num_examples=num_examples, num_bytes=num_bytes, crc32c=crc32c))
        return named

    def _remove_all(self) -> None:
        paths = [path for path, *_ in self._done]
        if self._file is not None:
            paths.append(Path(self._file.name))
            with contextlib.suppress(OSError):  # it flushes, and so fails again where the disk is full
                self._file.close()
        for path in paths:
            path.unlink(missing_ok=True)
