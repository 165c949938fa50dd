"""The request log's rows: from the arrays of many requests to one Arrow table, with a row for each instance."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from estafet.request_log import CONFIDENCE, PREDICTION, REQUEST_ID, TS, input_column
from serving.server.signature import Signature, TensorSpec

if TYPE_CHECKING:
    import pyarrow as pa

PREDICTION_OUTPUTS = ("class", "prediction", "forecast")
CONFIDENCE_OUTPUT = "confidence"
MAX_TEXT_CHARS = 4096
HOUR_S = 3600
REQUEST_BYTES = 1000
"""Memory that a request takes beside its values, roughly."""


class Batch(NamedTuple):
    """The instances of one request that are to be logged.

    Attributes:
        model: The model's name.
        version: The version that answered.
        signature: The signature that was called.
        request_id: The request's id.
        num_rows: Number of instances.
        when: When the request came in, in seconds since 1970.
        inputs: The inputs by name, instances along the first axis.
        outputs: The outputs by name, instances along the first axis.
        num_bytes: Memory that it takes, roughly.
    """

    model: str
    version: int
    signature: Signature
    request_id: str
    num_rows: int
    when: float
    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]
    num_bytes: int


def batch_of(
    model: str,
    version: int,
    signature: Signature,
    request_id: str,
    inputs: Mapping[str, np.ndarray],
    outputs: Mapping[str, np.ndarray],
) -> Batch | None:
    """Return a request's instances for the log, or None where it has none: its tensors share no first dimension."""
    num_rows, num_bytes = 0, REQUEST_BYTES
    for arrays in (inputs, outputs):
        for values in arrays.values():
            size = len(values) if values.ndim else 0
            if not size or (num_rows and size != num_rows):
                return None
            num_rows = size
            num_bytes += values.nbytes
            if values.dtype.hasobject:
                num_bytes += sum(map(len, values.reshape(-1)))
    if not num_rows:
        return None
    return Batch(model, version, signature, request_id, num_rows, time.time(), inputs, outputs, num_bytes)


def instance_ids(request_id: str, num_instances: int) -> tuple[str, ...]:
    """Return the id of each instance of a request."""
    return tuple(f"{request_id}-{index}" for index in range(num_instances))


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


def kept(batch: Batch, rate: float) -> list[int]:
    """Return the positions of the instances that are among the sampled."""
    if rate >= 1:
        return list(range(batch.num_rows))
    return [index for index, name in enumerate(instance_ids(batch.request_id, batch.num_rows)) if keep(name, rate)]


def lumps(batches: Iterable[Batch], most: int) -> Iterator[list[Batch]]:
    """Yield batches that belong into one table of one file: of one version and one hour.

    Args:
        batches: In the order in which they came.
        most: Number of batches beyond which a lump is split, so that building a table is a short piece of work.
    """
    lump: list[Batch] = []
    hour, first = 0.0, None
    for batch in batches:
        fits = (
            first is not None
            and batch.signature is first.signature
            and batch.version == first.version
            and batch.model == first.model
            and hour <= batch.when < hour + HOUR_S
            and len(lump) < most
        )
        if not fits:
            if lump:
                yield lump
            lump, first, hour = [], batch, batch.when // HOUR_S * HOUR_S
        lump.append(batch)
    if lump:
        yield lump


def by_shape(lump: Iterable[Batch]) -> list[list[Batch]]:
    """Return the batches of a lump by the shapes of their rows: only what is alike goes into one array."""
    found: dict[tuple[object, ...], list[Batch]] = {}
    for batch in lump:
        shapes = [values.shape[1:] for arrays in (batch.inputs, batch.outputs) for values in arrays.values()]
        found.setdefault(tuple(shapes), []).append(batch)
    return list(found.values())


def table_of(lump: Sequence[Batch], rate: float = 1.0) -> pa.Table:
    """Return one row for each sampled instance of a lump; the columns' types follow from the signature alone.

    Raises:
        ValueError, KeyError: A request does not fit the signature, or the rows' shapes differ.
    """
    import pyarrow as pa

    signature = lump[0].signature
    positions = None if rate >= 1 else [kept(batch, rate) for batch in lump]
    columns = {
        REQUEST_ID: pa.array(_ids(lump, positions), pa.string()),
        TS: pa.array(_when_us(lump, positions), pa.timestamp("us", tz="UTC")),
    }
    for name, spec in signature.inputs.items():
        columns[input_column(name)] = _column(name, _joined([b.inputs[name] for b in lump], positions), spec)
    outputs = signature.outputs
    prediction = next((name for name in PREDICTION_OUTPUTS if name in outputs), next(iter(outputs)))
    shown = {PREDICTION: prediction}
    if CONFIDENCE_OUTPUT in outputs and prediction != CONFIDENCE_OUTPUT:
        shown[CONFIDENCE] = CONFIDENCE_OUTPUT
    for column, name in shown.items():
        values = _as_double(_joined([b.outputs[name] for b in lump], positions))
        columns[column] = _column("", values, outputs[name])
    return pa.table(columns)


def _ids(lump: Sequence[Batch], positions: Sequence[list[int]] | None) -> list[str]:
    if positions is None:
        positions = [range(batch.num_rows) for batch in lump]
    return [f"{batch.request_id}-{index}" for batch, chosen in zip(lump, positions, strict=True) for index in chosen]


def _when_us(lump: Sequence[Batch], positions: Sequence[list[int]] | None) -> np.ndarray:
    when_us = np.round(1e6 * np.array([batch.when for batch in lump])).astype(np.int64)
    sizes = [batch.num_rows for batch in lump] if positions is None else [len(chosen) for chosen in positions]
    return np.repeat(when_us, sizes)


def _joined(arrays: Sequence[np.ndarray], positions: Sequence[list[int]] | None) -> np.ndarray:
    if positions is not None:
        arrays = [values[chosen] for values, chosen in zip(arrays, positions, strict=True)]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


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
