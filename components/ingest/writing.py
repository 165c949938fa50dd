"""Writing the splits of a data set as shards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from estafet.records.encoding import encode
from estafet.records.manifest import Shard
from estafet.records.shards import ShardWriter
from estafet.telemetry import Progress

Columns = Callable[[np.ndarray], dict[str, np.ndarray]]


def write_splits(
    folder: Path,
    splits: Mapping[str, tuple[np.ndarray, Columns]],
    *,
    chunk: int,
    shard_bytes: int,
    progress: Progress,
) -> dict[str, tuple[Shard, ...]]:
    """Write each split's examples as shards.

    Args:
        folder: Where they go.
        splits: For each split the numbers of its examples in order, and what gives the encoder's columns for some.
        chunk: Number of examples that are encoded at once.
        shard_bytes: Size at which a shard is closed.
        progress: Told how many examples are written.
    """
    total, done, shards = sum(len(members) for members, _ in splits.values()), 0, {}
    for split, (members, columns) in splits.items():
        with ShardWriter(folder, split, shard_bytes=shard_bytes) as writer:
            for start in range(0, len(members), chunk):
                chosen = members[start : start + chunk]
                writer.write(encode(columns(chosen)), len(chosen))
                done += len(chosen)
                progress("encoding", done, total)
        shards[split] = writer.shards
    return shards
