"""Reads all shards of a data set back: checks them, digests their records, and keeps a few to show."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import google_crc32c
import numpy as np

from estafet.errors import DataError
from estafet.records.decoding import decode
from estafet.records.manifest import Manifest, Shard, Split
from estafet.records.verify import read_frames
from estafet.runfile.tasks import Task
from estafet.telemetry import Progress

SAMPLED_RECORDS = 2_000
IMAGES_PER_CLASS = 6
CLASSES_WITH_IMAGES = 24
LARGEST_SAMPLED_IMAGE = 4_000_000
CHUNK_BYTES = 4 * 2**20

Record = dict[str, np.ndarray | list[bytes]]


@dataclass(frozen=True)
class ShardCheck:
    """What came of reading one shard from its first byte to its last.

    Attributes:
        part: The split or fold that it belongs to.
        shard: What the manifest says of it.
        problem: What is wrong with it; empty where nothing is.
    """

    part: str
    shard: Shard
    problem: str


@dataclass
class Part:
    """A split or a fold, as its shards hold it.

    Attributes:
        name: `train`, `test`, `fold-0`, …
        split: What the manifest says of it.
        num_records: Number of records that were read.
        digests: A digest of each record, or of each image's file, bytes (N,) of 16 each; empty for forecasting.
        times: For forecasting, the time of each step, int64 (T,).
        values: For forecasting, the series to forecast, float32 (T,).
        class_counts: For images, the examples of each class, counted anew.
        sample: Some records from all over the part, decoded; for images the first few of each class.
    """

    name: str
    split: Split
    num_records: int = 0
    digests: np.ndarray = field(default_factory=lambda: np.zeros(0, "V16"))
    times: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    values: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    class_counts: list[int] | None = None
    sample: list[Record] = field(default_factory=list)

    def where(self, index: int) -> str:
        """Say where a record stands, such as `train-00000-of-00001.tfrecord record 7`; records count from 1."""
        for shard in self.split.shards:
            if index < shard.num_examples:
                return f"{shard.file} record {index + 1:,}"
            index -= shard.num_examples
        raise IndexError(index)


def parts_of(manifest: Manifest) -> dict[str, Split]:
    """Return the parts that shards are of: the folds and what is not for cross-validation, or else the splits."""
    if not manifest.folds:
        return dict(manifest.splits)
    folds = {f"fold-{i}": fold for i, fold in enumerate(manifest.folds)}
    in_folds = {shard.file for fold in manifest.folds for shard in fold.shards}
    others = {
        name: split
        for name, split in manifest.splits.items()
        if not in_folds.intersection(shard.file for shard in split.shards)
    }
    return {**folds, **others}


def read_back(folder: Path, manifest: Manifest, progress: Progress) -> tuple[list[Part], list[ShardCheck]]:
    """Read every shard of a data set to its end.

    Args:
        folder: The data set's folder.
        manifest: Its manifest.
        progress: Told how many bytes of how many are read.

    Returns:
        The parts, and the check of each shard. A shard that is broken is read as far as it goes.
    """
    checks, parts, done = [], [], 0
    total = sum(shard.num_bytes for split in parts_of(manifest).values() for shard in split.shards)
    for name, split in parts_of(manifest).items():
        part = Part(name, split)
        collect, finish = _collector(part, manifest)
        for shard in split.shards:
            checks.append(ShardCheck(name, shard, _read(folder, shard, manifest.compression, collect)))
            done += shard.num_bytes
            progress("reading the shards back", done, total)
        finish()
        parts.append(part)
    return parts, checks


def _read(folder: Path, shard: Shard, compression: str, collect: Callable[[bytes], None]) -> str:
    path, num_records = folder / shard.file, 0
    if not path.is_file():
        return "is missing"
    try:
        for _, record in read_frames(path, compression):
            collect(bytes(record))
            num_records += 1
    except DataError as error:
        return error.message.removeprefix(f"the shard '{path}' ").rstrip(".")
    except (LookupError, ValueError) as error:
        return f"is not as the manifest says from its record {num_records + 1:,} on: {error!r}"
    if num_records != shard.num_examples:
        return f"holds {num_records:,} records, and the manifest says {shard.num_examples:,}"
    return _differs(path, shard)


def _differs(path: Path, shard: Shard) -> str:
    """Say how a file differs from the one that the manifest names, if it does."""
    if path.stat().st_size != shard.num_bytes:
        return f"has {path.stat().st_size:,} bytes, and the manifest says {shard.num_bytes:,}"
    crc32c = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            crc32c = google_crc32c.extend(crc32c, chunk)
    return "" if crc32c == shard.crc32c else f"has the CRC32C {crc32c:08x}, and the manifest says {shard.crc32c:08x}"


def _collector(part: Part, manifest: Manifest) -> tuple[Callable[[bytes], None], Callable[[], None]]:
    collector = {Task.FORECASTING: _Steps, Task.IMAGE_CLASSIFICATION: _Images}.get(manifest.task, _Rows)(part, manifest)
    return collector.add, collector.finish


class _Rows:
    """Digests whole records, and decodes some of them, evenly spread."""

    def __init__(self, part: Part, manifest: Manifest):
        self._part, self._digests = part, bytearray()
        self._every = max(1, -(-part.split.num_examples // SAMPLED_RECORDS))

    def add(self, record: bytes) -> None:
        self._digests += _digest(record)
        if self._part.num_records % self._every == 0:
            self._part.sample.append(decode(record))
        self._part.num_records += 1

    def finish(self) -> None:
        self._part.digests = np.frombuffer(bytes(self._digests), "V16")


class _Images(_Rows):
    """Digests the images' files, whatever their class, and keeps the first few of each class."""

    def __init__(self, part: Part, manifest: Manifest):
        super().__init__(part, manifest)
        part.class_counts = [0] * len(manifest.data_schema.label.classes or ())

    def add(self, record: bytes) -> None:
        example, part = decode(record), self._part
        (content,), label = example["image"], int(example["label"][0])
        self._digests += _digest(content)
        part.class_counts[label] += 1
        few = part.class_counts[label] <= IMAGES_PER_CLASS and label < CLASSES_WITH_IMAGES
        if few and len(content) <= LARGEST_SAMPLED_IMAGE:
            part.sample.append(example)
        part.num_records += 1


class _Steps(_Rows):
    """Keeps the time of each step and the series to forecast, and the first few steps as they are."""

    def __init__(self, part: Part, manifest: Manifest):
        super().__init__(part, manifest)
        self._times: list[int] = []
        self._values: list[float] = []

    def add(self, record: bytes) -> None:
        example, part = decode(record), self._part
        self._times.append(int(example["time"][0]))
        self._values.append(float(example["values"][0]))
        if part.num_records % self._every == 0:
            part.sample.append(example)
        part.num_records += 1

    def finish(self) -> None:
        self._part.times = np.array(self._times, np.int64)
        self._part.values = np.array(self._values, np.float32)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def first_images(parts: list[Part]) -> Iterator[tuple[int, bytes]]:
    """Yield the class and the file of the images to show, class after class, at most a few of each."""
    seen: dict[int, list[bytes]] = {}
    for part in parts:
        for example in part.sample:
            seen.setdefault(int(example["label"][0]), []).append(example["image"][0])
    for label in sorted(seen):
        yield from ((label, content) for content in seen[label][:IMAGES_PER_CLASS])
