"""Writes the request log. It never blocks and never fails a request, and it counts every row that it loses.

Whoever answers requests only puts their arrays into a queue; a thread makes tables of them, many requests at a time.
A crash loses at most what came in during the last `flush_s` seconds; a stuck disk loses what exceeds the queue. A log
that has grown to `max_disk_bytes` loses its oldest files.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import threading
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from estafet.request_log import REQUEST_ID, TS, partition_folder
from serving.log_space import LogSpace
from serving.request_rows import Batch, batch_of, by_shape, keep, kept, lumps, table_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Batch", "Counts", "RequestLog", "batch_of", "keep"]

logger = logging.getLogger("estafet.serving")
MAX_DISK_BYTES = 10 * 2**30
LUMP = 500
"""Requests that one table is made of: some milliseconds in which no other thread of Python runs."""


@dataclass
class Counts:
    """What became of the rows: `seen` is the sum of all the others but the files, once the queue is empty."""

    seen: int = 0
    sampled_out: int = 0
    dropped_full: int = 0
    dropped_bad: int = 0
    written: int = 0
    write_errors: int = 0
    files: int = 0
    files_removed: int = 0

    @property
    def lost(self) -> int:
        """Rows that should be on disk and are not."""
        return self.dropped_full + self.dropped_bad + self.write_errors


@dataclass
class _Queue:
    """Batches that wait, bounded in rows and in bytes."""

    max_rows: int
    max_bytes: int
    batches: list[Batch] = field(default_factory=list)
    num_rows: int = 0
    num_bytes: int = 0

    def put(self, batch: Batch) -> bool:
        num_rows, num_bytes = self.num_rows + batch.num_rows, self.num_bytes + batch.num_bytes
        if num_rows > self.max_rows or num_bytes > self.max_bytes:
            return False
        self.batches.append(batch)
        self.num_rows, self.num_bytes = num_rows, num_bytes
        return True

    def take_all(self) -> list[Batch]:
        taken, self.batches = self.batches, []
        self.num_rows = self.num_bytes = 0
        return taken


class RequestLog:
    """A bounded queue, and a thread that writes what is in it as Parquet files.

    Attributes:
        counts: What became of the rows so far.
    """

    def __init__(
        self,
        requests_dir: str | Path,
        *,
        sample_rate: float = 1.0,
        flush_s: float = 5.0,
        flush_rows: int = 20_000,
        max_queued_rows: int = 100_000,
        max_queued_bytes: int = 256 * 2**20,
        max_disk_bytes: int = MAX_DISK_BYTES,
    ):
        """Start the thread.

        Args:
            requests_dir: The log's root folder.
            sample_rate: Share of the instances that are kept, chosen by their ids.
            flush_s: Seconds after which a row is on disk.
            flush_rows: Number of waiting rows that are written at once, without waiting for `flush_s`.
            max_queued_rows: Number of waiting rows beyond which more are dropped.
            max_queued_bytes: Bytes of waiting inputs and outputs beyond which more are dropped.
            max_disk_bytes: Size of all files beyond which the oldest are deleted.
        """
        self._root, self._sample_rate = Path(requests_dir), sample_rate
        self._flush_s, self._flush_rows = flush_s, flush_rows
        self._queue = _Queue(max_queued_rows, max_queued_bytes)
        self._space = LogSpace(self._root, max_disk_bytes)
        self._lock, self._wake, self._stopping = threading.Lock(), threading.Event(), False
        self._writer = f"{platform.node()[:20]}-{os.getpid()}-{uuid.uuid4().hex[:6]}".replace("/", "_")
        self._sequence = 0
        self.counts = Counts()
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
        self._thread.start()

    def log(self, batch: Batch) -> None:
        """Take a request's instances; returns at once."""
        is_kept = self._sample_rate >= 1 or bool(kept(batch, self._sample_rate))
        with self._lock:
            counts, queue = self.counts, self._queue
            counts.seen += batch.num_rows
            if not is_kept:
                counts.sampled_out += batch.num_rows
            elif not queue.put(batch):
                counts.dropped_full += batch.num_rows
            elif queue.num_rows >= self._flush_rows:
                self._wake.set()

    def close(self, timeout_s: float = 30) -> None:
        """Write what is waiting, and stop."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            self._wake.wait(self._flush_s)
            self._wake.clear()
            stopping = self._stopping
            with self._lock:
                batches = self._queue.take_all()
            try:
                self._flush(batches)
            except Exception:
                logger.exception("a part of the request log is lost")

    def _flush(self, batches: list[Batch]) -> None:
        parts: dict[Path, list[pa.Table]] = {}
        for lump in lumps(batches, LUMP):
            for table in self._tables(lump):
                first = lump[0]
                folder = partition_folder(
                    self._root, first.model, first.version, datetime.fromtimestamp(first.when, UTC)
                )
                parts.setdefault(folder, []).append(table)
        for folder, tables in parts.items():
            self._keep(folder, tables)

    def _tables(self, lump: Sequence[Batch]) -> list[pa.Table]:
        """Return the tables of a lump: one, or one for each shape, or one for each good request where one is bad."""
        try:
            table = table_of(lump, self._sample_rate)
        except Exception as error:
            if len(lump) > 1:
                alike = by_shape(lump)
                parts = alike if len(alike) > 1 else [[batch] for batch in lump]
                return [table for part in parts for table in self._tables(part)]
            self.counts.dropped_bad += lump[0].num_rows
            logger.warning("a request cannot be logged: %s: %s", type(error).__name__, error)
            return []
        with self._lock:
            self.counts.sampled_out += sum(batch.num_rows for batch in lump) - table.num_rows
        return [table]

    def _keep(self, folder: Path, tables: list[pa.Table]) -> None:
        num_rows = sum(table.num_rows for table in tables)
        try:
            self._write(folder, tables)
        except Exception as error:
            self.counts.write_errors += num_rows
            logger.warning("%d rows of the request log are lost: %s", num_rows, error)
            return
        self.counts.written += num_rows
        self.counts.files += 1

    def _write(self, folder: Path, tables: list[pa.Table]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.concat_tables(tables, promote_options="permissive")
        about = {"counts": json.dumps(asdict(self.counts)), "sample_rate": str(self._sample_rate)}
        folder.mkdir(parents=True, exist_ok=True)
        self._sequence += 1
        name = f"{self._writer}-{self._sequence:06d}.parquet"
        unfinished = folder / f".{name}.tmp"
        try:
            with unfinished.open("wb") as file:
                pq.write_table(
                    table.replace_schema_metadata(about),
                    file,
                    compression="zstd",
                    use_dictionary=_repetitive(table),
                    write_statistics=[TS],
                )
                file.flush()
                os.fsync(file.fileno())
                self.counts.files_removed += self._space.make_room(file.tell())
            os.replace(unfinished, folder / name)
        finally:
            unfinished.unlink(missing_ok=True)


def _repetitive(table: pa.Table) -> list[str]:
    """Return the columns of words; in the others hardly any value comes twice, and looking for them takes long."""
    import pyarrow as pa

    return [field.name for field in table.schema if pa.types.is_string(field.type) and field.name != REQUEST_ID]
