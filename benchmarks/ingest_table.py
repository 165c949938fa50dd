"""Claim: a table becomes TFRecord shards tens of times faster than row by row, within four times of merely reading it.

Two measurements, both sides of each in one run, in turns, and the median of several rounds:

- 20 float columns and a label, from arrays in memory to files. Ours (`encode` and `ShardWriter`), in both layouts;
  the loop of every tutorial, one `tf.train.Example` for each row into a `TFRecordWriter`, with one float vector (our
  layout `vectors`) and with a key for each column (`columns`); and tfx-bsl's encoder with a `TFRecordWriter`, with a
  key for each column, where it is installed (`pip install --no-deps tfx-bsl` is enough).
- A Parquet file of the same columns (in float64, as pandas writes them) through the whole ingest (read, validated,
  profiled, split, encoded, written and synced), against `pyarrow.parquet.read_table`: each in a process of its own, as
  a step is, whose start and imports do not count. Most of the reading is the system giving memory to the process; so
  what a second reading takes, which has that memory already, is printed as well.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
from claim import ROOT, conclude, parse

from estafet.records.encoding import encode
from estafet.records.shards import ShardWriter

GOAL_VECTORS, GOAL_COLUMNS, GOAL_TFX_BSL, GOAL_INGEST = 25, 90, 8, 4
NUM_COLUMNS, NUM_CLASSES = 20, 3
ROWS_AT_ONCE = NUM_LOOPED = 16_384
Side = Callable[[Path], int]
"""Writes into an empty folder, and returns how many rows."""
NAMES = [f"f{i}" for i in range(NUM_COLUMNS)]

READ = """
import sys, time
import pyarrow.dataset, pyarrow.parquet

for _ in range(2):
    started = time.perf_counter()
    pyarrow.parquet.read_table(sys.argv[1])
    print(time.perf_counter() - started)
"""
INGEST = """
import sys, time
import pyarrow.dataset, pyarrow.parquet
from components.ingest import step

source, out = sys.argv[1:]
settings = step.Settings(task="tabular_classification", source=source, label="label")
started = time.perf_counter()
step.ingest(settings, out)
print(time.perf_counter() - started)
"""


def main() -> None:
    """Measure both, and compare with the bars."""
    quick = parse(__doc__ or "").quick
    with tempfile.TemporaryDirectory(prefix="estafet-ingest-") as folder:
        encoding = compare_encoders(262_144 if quick else 1_048_576, Path(folder), 5 if quick else 11)
        ingest = compare_ingest(2_097_152 if quick else 4_194_304, Path(folder), 3 if quick else 7)
    goals = {"vectors": GOAL_VECTORS, "columns": GOAL_COLUMNS, "tfx_bsl": GOAL_TFX_BSL}
    holds = all(ratio >= goals[side] for side, ratio in encoding.items()) and ingest <= GOAL_INGEST
    conclude(
        f"rows to TFRecord ≥ {GOAL_VECTORS} times the loop in our layout, ≥ {GOAL_COLUMNS} times with a key for each "
        f"column, ≥ {GOAL_TFX_BSL} times tfx-bsl; the whole ingest ≤ {GOAL_INGEST} times reading the Parquet file",
        {**{side: round(ratio, 1) for side, ratio in encoding.items()}, "ingest": round(ingest, 2)},
        {**{side: goals[side] for side in encoding}, "ingest": GOAL_INGEST},
        holds,
    )


def compare_encoders(num_rows: int, folder: Path, num_rounds: int) -> dict[str, float]:
    """Print the rates of all ways to write; return how many times as fast as each of the others ours is."""
    rng = np.random.default_rng(0)
    x_NF = rng.normal(size=(num_rows, NUM_COLUMNS)).astype(np.float32)
    labels_N = rng.integers(0, NUM_CLASSES, num_rows)
    by_column = {name: np.ascontiguousarray(x_NF[:, i]) for i, name in enumerate(NAMES)}
    # A loop is so slow that a part of the rows is enough; as Python lists, which protobuf takes the fastest.
    some_x, some_labels = x_NF[:NUM_LOOPED].tolist(), labels_N[:NUM_LOOPED].tolist()
    sides = {
        "ours, vectors": lambda out: ours({"numeric": x_NF, "label": labels_N}, out),
        "ours, columns": lambda out: ours({**by_column, "label": labels_N}, out),
        "loop, vectors": lambda out: loop(vector_examples(some_x, some_labels), out),
        "loop, columns": lambda out: loop(column_examples(some_x[: NUM_LOOPED // 4], some_labels), out),
    }
    if (encoder := tfx_bsl_encoder()) is None:
        print("tfx-bsl is not installed, and is left out: `pip install --no-deps tfx-bsl` adds it")
    else:
        table = pa.table({**by_column, "label": labels_N}).slice(0, 4 * NUM_LOOPED)
        sides["tfx-bsl, columns"] = lambda out: tfx_bsl(table, encoder, out)
    check_same_contents(sides, folder)
    rates = medians(sides, folder, num_rounds)
    for side, rate in rates.items():
        print(f"{side:<18}{rate:12,.0f} rows/s")
    ratios = {kind: rates[f"ours, {kind}"] / rates[f"loop, {kind}"] for kind in ("vectors", "columns")}
    if encoder is not None:
        ratios["tfx_bsl"] = rates["ours, columns"] / rates["tfx-bsl, columns"]
    return ratios


def compare_ingest(num_rows: int, folder: Path, num_rounds: int) -> float:
    """Print the times of reading and of the whole ingest; return how many times as long the latter takes."""
    source = folder / "table.parquet"
    rng = np.random.default_rng(1)
    columns = {name: rng.normal(size=num_rows) for name in NAMES} | {"label": rng.integers(0, NUM_CLASSES, num_rows)}
    pq.write_table(pa.table(columns), source)
    seconds: dict[str, list[float]] = {"reading": [], "reading again": [], "ingest": []}
    for _ in range(num_rounds):
        for script, sides in ((READ, ("reading", "reading again")), (INGEST, ("ingest",))):
            command = [sys.executable, "-c", script, str(source), str(folder / "dataset")]
            done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
            for side, wall_s in zip(sides, done.stdout.split(), strict=True):
                seconds[side].append(float(wall_s))
    medians_s = {side: statistics.median(each) for side, each in seconds.items()}
    for side, wall_s in medians_s.items():
        print(f"{side:<18}{num_rows / wall_s:12,.0f} rows/s, {wall_s:.2f} s")
    return medians_s["ingest"] / medians_s["reading"]


def medians(sides: Mapping[str, Side], folder: Path, num_rounds: int) -> dict[str, float]:
    """Run all sides in turns, once to warm up and then several times; return the median of each one's rows/s."""
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for round_number in range(num_rounds + 1):
        for side, run in sides.items():
            out = fresh(folder / "out")
            started = time.perf_counter()
            num_rows = run(out)
            if round_number:
                rates[side].append(num_rows / (time.perf_counter() - started))
    return {side: statistics.median(each) for side, each in rates.items()}


def ours(columns: dict[str, np.ndarray], out: Path) -> int:
    """Write with our encoder, synced, as the ingest does."""
    num_rows = len(columns["label"])
    with ShardWriter(out, "train", shard_bytes=64_000_000) as writer:
        for start in range(0, num_rows, ROWS_AT_ONCE):
            some = {name: values[start : start + ROWS_AT_ONCE] for name, values in columns.items()}
            writer.write(encode(some), len(some["label"]))
    return num_rows


def loop(examples: Iterator[tf.train.Example], out: Path) -> int:
    """Write one example after the other."""
    num_rows = 0
    with tf.io.TFRecordWriter(str(out / "train.tfrecord")) as writer:
        for example in examples:
            writer.write(example.SerializeToString())
            num_rows += 1
    return num_rows


def vector_examples(rows: list[list[float]], labels: list[int]) -> Iterator[tf.train.Example]:
    """Make an example of each row, all floats in one key."""
    for row, label in zip(rows, labels, strict=False):
        feature = {"numeric": floats(row), "label": integer(label)}
        yield tf.train.Example(features=tf.train.Features(feature=feature))


def column_examples(rows: list[list[float]], labels: list[int]) -> Iterator[tf.train.Example]:
    """Make an example of each row, with a key for each column."""
    for row, label in zip(rows, labels, strict=False):
        feature = {name: floats([value]) for name, value in zip(NAMES, row, strict=True)}
        feature["label"] = integer(label)
        yield tf.train.Example(features=tf.train.Features(feature=feature))


def floats(values: list[float]) -> tf.train.Feature:
    """Make a feature of floats."""
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def integer(value: int) -> tf.train.Feature:
    """Make a feature of one integer."""
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def tfx_bsl_encoder() -> Callable[[pa.RecordBatch], list[bytes]] | None:
    """Return tfx-bsl's encoder, where it is installed."""
    try:
        from tfx_bsl.cc.tfx_bsl_extension.coders import RecordBatchToExamplesEncoder
    except ImportError:
        return None
    return RecordBatchToExamplesEncoder(None).Encode


def tfx_bsl(table: pa.Table, encode_batch: Callable[[pa.RecordBatch], list[bytes]], out: Path) -> int:
    """Write with tfx-bsl's encoder, which wants each value as a list of one."""
    with tf.io.TFRecordWriter(str(out / "train.tfrecord")) as writer:
        for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
            ends = pa.array(np.arange(len(batch) + 1, dtype=np.int32))
            lists = [pa.ListArray.from_arrays(ends, column) for column in batch.columns]
            for record in encode_batch(pa.RecordBatch.from_arrays(lists, names=batch.schema.names)):
                writer.write(record)
    return len(table)


def check_same_contents(sides: Mapping[str, Side], folder: Path) -> None:
    """Stop where a side does not write, for its layout, the same first rows as ours."""
    firsts = {}
    for side, run in sides.items():
        run(fresh(folder / "out"))
        records = tf.data.TFRecordDataset(sorted(map(str, (folder / "out").iterdir()))).take(100)
        firsts[side] = [tf.train.Example.FromString(record) for record in records.as_numpy_iterator()]
    for side, examples in firsts.items():
        if examples != firsts[f"ours, {side.split(', ')[1]}"]:
            raise SystemExit(f"'{side}' does not write what ours does")


def fresh(folder: Path) -> Path:
    """Return an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
