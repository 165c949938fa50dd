"""Claim: reading a table back takes an eighth of the CPU time of parsing example by example with a key per column.

Both sides in the same run, from shards that the project's own writer wrote, 20 float columns and a label: the loop that
tutorials show (`parse_single_example` mapped over a `TFRecordDataset`, then batched), and `reading.dataset`, from
vectors and from a key per column, in order and shuffled; and then its second epoch, which comes from memory.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from claim import conclude, parse

from estafet.records import reading
from estafet.records.encoding import encode
from estafet.records.manifest import Manifest, Split
from estafet.records.shards import ShardWriter
from estafet.schema import Label, NumericFeature, Schema

GOAL = 8
NUM_COLUMNS = 20
BATCH_SIZE = 256
NAMES = [f"x{i:02d}" for i in range(NUM_COLUMNS)]
ROWS_AT_ONCE = 50_000


def main() -> None:
    """Measure all ways, and compare their rows per CPU-second."""
    num_rows = 60_000 if parse(__doc__ or "").quick else 500_000
    with tempfile.TemporaryDirectory(prefix="estafet-read-table-") as name:
        folders = {layout: write(Path(name) / layout, layout, num_rows) for layout in ("columns", "vectors")}
        one_by_one = measure("parsing one by one, a key per column", by_example(folders["columns"]), num_rows)
        ways = {
            "ours, a key per column": read(folders["columns"], cache=False),
            "ours, vectors": read(folders["vectors"], cache=False),
            "ours, vectors, shuffled": read(folders["vectors"], cache=False, shuffle=True),
            "ours, vectors, shuffled, first epoch": (cached := read(folders["vectors"], shuffle=True)),
            "ours, vectors, shuffled, second epoch": cached,
        }
        found = {what: measure(what, data, num_rows, one_by_one) for what, data in ways.items()}
    value = round(found["ours, vectors"] / one_by_one, 1)
    others = {what: round(rate / one_by_one, 1) for what, rate in found.items()}
    claim = f"reading a table takes a {GOAL}th of the CPU time of parsing it example by example"
    conclude(claim, {"times": value, "others": others}, GOAL, value >= GOAL)


def write(folder: Path, layout: str, num_rows: int) -> Path:
    """Write rows as a data set in 16 shards."""
    folder.mkdir()
    random = np.random.default_rng(0)
    row_bytes = 125 if layout == "vectors" else 375
    with ShardWriter(folder, "train", shard_bytes=num_rows * row_bytes // 16) as writer:
        for begin in range(0, num_rows, ROWS_AT_ONCE // 16):
            count = min(ROWS_AT_ONCE // 16, num_rows - begin)
            values_NF = random.normal(size=(count, NUM_COLUMNS)).astype(np.float32)
            columns = {"label": np.arange(begin, begin + count) % 2}
            columns |= {"numeric": values_NF} if layout == "vectors" else dict(zip(NAMES, values_NF.T, strict=True))
            writer.write(encode(columns), count)
    numeric = [NumericFeature(name=name, mean=0, std=1, min=-9, max=9, missing_share=0) for name in NAMES]
    Manifest(
        task="tabular_classification",
        version="0",
        splits={"train": Split(shards=writer.shards, num_examples=num_rows)},
        data_schema=Schema(numeric=tuple(numeric), label=Label(name="label", classes=("no", "yes"))),
        layout=layout,
    ).save(folder)
    return folder


def by_example(folder: Path) -> tf.data.Dataset:
    """Return the rows as most code reads them."""
    layout = {name: tf.io.FixedLenFeature((), tf.float32) for name in NAMES}
    layout["label"] = tf.io.FixedLenFeature((), tf.int64)

    def parse_one(record: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        features = tf.io.parse_single_example(record, layout)
        return features, features.pop("label")

    files = sorted(map(str, folder.glob("*.tfrecord")))
    return tf.data.TFRecordDataset(files).map(parse_one).batch(BATCH_SIZE).prefetch(tf.data.AUTOTUNE)


def read(folder: Path, **options: object) -> tf.data.Dataset:
    """Return the rows as we read them."""
    return reading.dataset(folder, "train", batch_size=BATCH_SIZE, **options)


def measure(what: str, data: Iterable, num_rows: int, against: float | None = None) -> float:
    """Read all rows once, and return the rows per CPU-second of the whole process, all threads together."""
    started, cpu = time.perf_counter(), time.process_time()
    num_read = sum(len(labels) for _, labels in data)
    wall_s, cpu = time.perf_counter() - started, time.process_time() - cpu
    assert num_read == num_rows
    times = f"{num_rows / cpu / against:6.1f} times" if against else ""
    print(f"{what:40} {num_rows / cpu:12,.0f} rows per CPU-second, {wall_s:6.2f} s {times}")
    return num_rows / cpu


if __name__ == "__main__":
    main()
