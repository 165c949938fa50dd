"""Which records of a data set are to be read: a split or the folds that stand for it, a share, and a worker's part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from estafet.errors import ConfigError, DataError
from estafet.records.manifest import Manifest, Split

MAX_IMBALANCE = 1.1
"""Workers read whole shards where the largest part is at most so many times the mean, and else every n-th record."""


@dataclass(frozen=True)
class Selection:
    """Some records of some shards.

    Attributes:
        files: The shards, in stored order.
        counts: How many records of each shard, from its first; all of them, but for the last shard of a share.
        kept: For each shard, which of those records belong to the selection, bool; None where all do.
        stride: Of all these, in stored order, every `stride`-th is read, …
        first: … beginning with this one.
        record_bytes: Mean size of a record.
    """

    files: tuple[Path, ...]
    counts: tuple[int, ...]
    stride: int = 1
    first: int = 0
    record_bytes: float = 0.0
    kept: tuple[np.ndarray, ...] | None = None

    @property
    def num_examples(self) -> int:
        """Number of records that are read."""
        return len(range(self.first, sum(self.num_kept), self.stride))

    @property
    def num_kept(self) -> tuple[int, ...]:
        """How many records of each shard belong to the selection."""
        return self.counts if self.kept is None else tuple(int(part.sum()) for part in self.kept)

    def part(self, index: int, num_workers: int) -> Selection:
        """Return what one worker reads: whole shards where they divide well, else every n-th record."""
        if num_workers == 1:
            return self
        if self.kept is not None:
            return replace(self, stride=num_workers, first=index)
        loads, mine = [0] * num_workers, []
        for i in sorted(range(len(self.files)), key=lambda i: (-self.counts[i], i)):
            least = loads.index(min(loads))
            loads[least] += self.counts[i]
            mine += [i] if least == index else []
        if max(loads) * num_workers > MAX_IMBALANCE * sum(loads):
            return Selection(self.files, self.counts, num_workers, index, self.record_bytes)
        mine.sort()
        files, counts = (tuple(values[i] for i in mine) for values in (self.files, self.counts))
        return Selection(files, counts, record_bytes=self.record_bytes)


def split_of(manifest: Manifest, split: str, fold: int | None = None) -> Split:
    """Return a split; with `fold`, `validation` is that fold and `train` are the others.

    Raises:
        DataError: There is no such split.
        ConfigError: There is no such fold.
    """
    if split not in manifest.splits:
        raise DataError(f"the data set has no split '{split}'; it has {', '.join(manifest.splits)}.")
    if fold is None or split not in ("train", "validation"):
        return manifest.splits[split]
    if not 0 <= fold < len(manifest.folds):
        held = f"folds 0 to {len(manifest.folds) - 1}" if manifest.folds else "no folds"
        raise ConfigError(
            f"there is no fold {fold}: the data set has {held}.", hint="set data.split.k_folds, and ingest again."
        )
    if split == "validation":
        return manifest.folds[fold]
    return joined([part for i, part in enumerate(manifest.folds) if i != fold])


def joined(parts: Sequence[Split]) -> Split:
    """Return several parts of a data set as one."""
    counts = [part.class_counts for part in parts]
    return Split(
        shards=tuple(shard for part in parts for shard in part.shards),
        num_examples=sum(part.num_examples for part in parts),
        class_counts=None if None in counts else tuple(map(sum, zip(*counts, strict=True))),
    )


def select(folder: Path, found: Split, num_examples: int | None = None) -> Selection:
    """Return the first records of a split.

    Args:
        folder: The data set's folder.
        found: The split.
        num_examples: How many records; None for all.
    """
    left = found.num_examples if num_examples is None else num_examples
    files, counts = [], []
    for shard in found.shards:
        if take := min(left, shard.num_examples):
            files.append(folder / shard.file)
            counts.append(take)
        left -= take
    num_bytes = sum(shard.num_bytes for shard in found.shards)
    return Selection(tuple(files), tuple(counts), record_bytes=num_bytes / max(1, found.num_examples))


def chosen(folder: Path, found: Split, places: np.ndarray) -> Selection:
    """Return some records of a split.

    Args:
        folder: The data set's folder.
        found: The split.
        places: Which of all its records, rising, int64, at least one.
    """
    is_chosen = np.zeros(int(places[-1]) + 1, bool)
    is_chosen[places] = True
    ends = np.cumsum([shard.num_examples for shard in found.shards])
    parts = zip(found.shards, np.split(is_chosen, ends[:-1]), strict=True)
    read = [(folder / shard.file, part) for shard, part in parts if part.any()]
    num_bytes = sum(shard.num_bytes for shard in found.shards)
    return Selection(
        tuple(path for path, _ in read),
        tuple(len(part) for _, part in read),
        record_bytes=num_bytes / max(1, found.num_examples),
        kept=tuple(part for _, part in read),
    )


def check_sizes(folder: Path, found: Split) -> None:
    """Look whether the shards of a split are there and as long as they were written.

    Raises:
        DataError: One is not.
    """
    for shard in found.shards:
        check_size(folder / shard.file, shard.num_bytes)


def check_size(path: Path, num_bytes: int) -> None:
    """Look whether a shard is there and as long as it was written.

    Raises:
        DataError: It is not; the message names it.
    """
    found = path.stat().st_size if path.is_file() else None
    if found != num_bytes:
        what = "is missing" if found is None else f"has {found:,} bytes in place of {num_bytes:,}"
        raise DataError(f"the shard '{path}' {what}.", hint="delete the data set's folder and ingest again.")
