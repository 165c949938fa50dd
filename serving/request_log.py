"""Writes the request log. It never blocks and never fails a request, and it counts every row that it loses.

A crash loses at most what came in during the last `flush_s` seconds; a stuck disk loses what exceeds the queue.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import threading
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from estafet.request_log import CONFIDENCE, PREDICTION, REQUEST_ID, TS, input_column, partition_folder
from serving.server.signature import Signature, TensorSpec

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger("estafet.serving")
PREDICTION_OUTPUTS = ("class", "prediction", "forecast")
CONFIDENCE_OUTPUT = "confidence"
MAX_TEXT_CHARS = 4096


@dataclass(frozen=True)
class Batch:
    """The instances of one request that are to be logged.

    Attributes:
        model: The model's name.
        version: The version that answered.
        signature: The signature that was called.
        request_ids: One for each instance.
        when: When the request came in.
        inputs: The inputs by name, instances along the first axis.
        outputs: The outputs by name, instances along the first axis.
    """

    model: str
    version: int
    signature: Signature
    request_ids: tuple[str, ...]
    when: datetime
    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]

    @property
    def num_bytes(self) -> int:
        """Memory that the inputs take, roughly."""
        return sum(
            sum(map(len, values.reshape(-1))) if values.dtype == object else values.nbytes
            for values in self.inputs.values()
        )


@dataclass
class Counts:
    """What became of the rows: `seen` is the sum of all the others but `files`, once the queue is empty."""

    seen: int = 0
    sampled_out: int = 0
    dropped_full: int = 0
    dropped_bad: int = 0
    written: int = 0
    write_errors: int = 0
    files: int = 0

    @property
    def lost(self) -> int:
        """Rows that should be on disk and are not."""
        return self.dropped_full + self.dropped_bad + self.write_errors


@dataclass
class _Queue:
    """Batches that wait, bounded in rows and in bytes."""

    max_rows: int
    max_bytes: int
    batches: deque[Batch] = field(default_factory=deque)
    num_rows: int = 0
    num_bytes: int = 0

    def put(self, batch: Batch) -> bool:
        rows, size = len(batch.request_ids), batch.num_bytes
        if self.num_rows + rows > self.max_rows or self.num_bytes + size > self.max_bytes:
            return False
        self.batches.append(batch)
        self.num_rows, self.num_bytes = self.num_rows + rows, self.num_bytes + size
        return True

    def take_all(self) -> list[Batch]:
        taken = list(self.batches)
        self.batches.clear()
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
    ):
        """Start the thread.

        Args:
            requests_dir: The log's root folder.
            sample_rate: Share of the instances that are kept, chosen by their ids.
            flush_s: Seconds after which a row is on disk.
            flush_rows: Number of waiting rows that are written at once, without waiting for `flush_s`.
            max_queued_rows: Number of waiting rows beyond which more are dropped.
            max_queued_bytes: Bytes of waiting inputs beyond which more are dropped.
        """
        self._root, self._sample_rate = Path(requests_dir), sample_rate
        self._flush_s, self._flush_rows = flush_s, flush_rows
        self._queue = _Queue(max_queued_rows, max_queued_bytes)
        self._wake, self._stopping = threading.Condition(), False
        self._writer = f"{platform.node()[:20]}-{os.getpid()}-{uuid.uuid4().hex[:6]}".replace("/", "_")
        self._sequence = 0
        self.counts = Counts()
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
        self._thread.start()

    def log(self, batch: Batch) -> None:
        """Take a request's instances; returns at once."""
        with self._wake:
            self.counts.seen += len(batch.request_ids)
            sampled = _sample(batch, self._sample_rate)
            self.counts.sampled_out += len(batch.request_ids) - len(sampled.request_ids)
            if sampled.request_ids and not self._queue.put(sampled):
                self.counts.dropped_full += len(sampled.request_ids)
            if self._queue.num_rows >= self._flush_rows:
                self._wake.notify()

    def close(self, timeout_s: float = 30) -> None:
        """Write what is waiting, and stop."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping or self._queue.num_rows >= self._flush_rows, self._flush_s)
                batches, stopping = self._queue.take_all(), self._stopping
            self._flush(batches)
            if stopping:
                return

    def _flush(self, batches: list[Batch]) -> None:
        parts: dict[Path, list[pa.Table]] = {}
        for batch in batches:
            try:
                folder = partition_folder(self._root, batch.model, batch.version, batch.when)
                parts.setdefault(folder, []).append(_to_table(batch))
            except Exception as error:
                self.counts.dropped_bad += len(batch.request_ids)
                logger.warning("a request cannot be logged: %s: %s", type(error).__name__, error)
        for folder, tables in parts.items():
            num_rows = sum(table.num_rows for table in tables)
            try:
                self._write(folder, tables)
            except Exception as error:
                self.counts.write_errors += num_rows
                logger.warning("%d rows of the request log are lost: %s", num_rows, error)
            else:
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
                pq.write_table(table.replace_schema_metadata(about), file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, folder / name)
        finally:
            unfinished.unlink(missing_ok=True)


def keep(request_id: str, sample_rate: float) -> bool:
    """Whether an instance is among the sampled: replicas, retries and whoever joins labels all agree on it.

    Args:
        request_id: The instance's id.
        sample_rate: Share that is kept, from 0 to 1.
    """
    if sample_rate >= 1:
        return True
    digest = hashlib.blake2b(request_id.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < sample_rate * 2**64


def instance_ids(request_id: str, num_instances: int) -> tuple[str, ...]:
    """Return the id of each instance of a request."""
    return tuple(f"{request_id}-{index}" for index in range(num_instances))


def batch_of(
    model: str,
    version: int,
    signature: Signature,
    request_id: str,
    inputs: Mapping[str, np.ndarray],
    outputs: Mapping[str, np.ndarray],
) -> Batch | None:
    """Return a request's instances for the log, or None where it has none: its tensors share no first dimension."""
    sizes = {values.shape[0] if values.ndim else None for values in (*inputs.values(), *outputs.values())}
    if len(sizes) != 1 or sizes <= {None, 0}:
        return None
    ids = instance_ids(request_id, sizes.pop())
    return Batch(model, version, signature, ids, datetime.now(UTC), inputs, outputs)


def _sample(batch: Batch, rate: float) -> Batch:
    if rate >= 1:
        return batch
    kept = [index for index, request_id in enumerate(batch.request_ids) if keep(request_id, rate)]
    return Batch(
        batch.model,
        batch.version,
        batch.signature,
        tuple(batch.request_ids[index] for index in kept),
        batch.when,
        {name: values[kept] for name, values in batch.inputs.items()},
        {name: values[kept] for name, values in batch.outputs.items()},
    )


def _to_table(batch: Batch) -> pa.Table:
    """Return one row for each instance; the columns' types follow from the signature alone."""
    import pyarrow as pa

    num_rows = len(batch.request_ids)
    columns = {
        REQUEST_ID: pa.array(batch.request_ids, pa.string()),
        TS: pa.array([batch.when] * num_rows, pa.timestamp("us", tz="UTC")),
    }
    for name, spec in batch.signature.inputs.items():
        columns[input_column(name)] = _column(name, batch.inputs[name], spec)
    outputs = batch.signature.outputs
    prediction = next((name for name in PREDICTION_OUTPUTS if name in outputs), next(iter(outputs)))
    columns[PREDICTION] = _column("", _as_double(batch.outputs[prediction]), outputs[prediction])
    if CONFIDENCE_OUTPUT in outputs and prediction != CONFIDENCE_OUTPUT:
        confidence = batch.outputs[CONFIDENCE_OUTPUT]
        columns[CONFIDENCE] = _column("", _as_double(confidence), outputs[CONFIDENCE_OUTPUT])
    return pa.table(columns)


def _as_double(values: np.ndarray) -> np.ndarray:
    return values if values.dtype == object else values.astype(np.float64)


def _column(name: str, values: np.ndarray, spec: TensorSpec) -> pa.Array:
    """Return an array's rows as one column: scalars as they are, anything larger as a flat list.

    Raises:
        ValueError: The signature promises scalars, and the rows are larger.
    """
    import pyarrow as pa

    flat = values.reshape(-1)
    is_text = spec.dtype == "string" and not name.endswith("_bytes")
    if spec.dtype == "string":
        items = [item.decode("utf-8", "replace")[:MAX_TEXT_CHARS] for item in flat] if is_text else list(flat)
        cells = pa.array(items, pa.string() if is_text else pa.binary())
    else:
        cells = pa.array(flat)
    if spec.has_scalar_rows:
        if len(cells) != values.shape[0]:
            raise ValueError(f"input '{name}' has rows of shape {values.shape[1:]}, where the signature has scalars")
        return cells
    size = len(cells) // values.shape[0]
    offsets = np.arange(values.shape[0] + 1, dtype=np.int32) * size
    return pa.ListArray.from_arrays(pa.array(offsets), cells)
