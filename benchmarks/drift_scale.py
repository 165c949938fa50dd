"""Claim: a check of a million requests takes a twentieth of Evidently's CPU time and a third of its memory.

The requests have 20 columns. Both judge the same rows against the same 20,000 held-out ones: Estafet reads them from a
request log in Parquet, as `estafet monitor check` does, and Evidently's DataDriftPreset gets them as a data frame that
is read from the same files. Each runs in a process of its own, in turn. CPU time is counted after the imports; memory
is the highest resident size.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

os.environ["DO_NOT_TRACK"] = "1"

import numpy as np
from claim import conclude, parse

NUM_NUMBERS, NUM_WORDS, NUM_REFERENCE, ROWS_A_PART = 16, 4, 20_000, 50_000
FULL, QUICK = (1_000_000, 3), (100_000, 1)
MIN_CPU, MIN_MEMORY = 20.0, 3.0
NOW = datetime(2026, 1, 1, 12, 59, tzinfo=UTC)


def columns(rng: np.random.Generator, count: int) -> dict[str, object]:
    """Draw rows."""
    import pyarrow as pa

    numbers = {f"n{i}": pa.array(rng.normal(size=count).astype(np.float32)) for i in range(NUM_NUMBERS)}
    words = np.array([f"word {i}" for i in range(30)], dtype=object)
    return numbers | {f"w{i}": pa.array(words[rng.integers(0, 30, count)], pa.string()) for i in range(NUM_WORDS)}


def write(folder: Path, num_rows: int) -> None:
    """Write a served version with its reference, and a request log."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from estafet import release, request_log
    from estafet.release import Contract
    from estafet.runfile.tasks import Task
    from estafet.schema import CategoricalFeature, Label, NumericFeature, Schema

    rng = np.random.default_rng(0)
    about = {"mean": 0, "std": 1, "min": -9, "max": 9, "missing_share": 0}
    numbers = tuple(NumericFeature(name=f"n{i}", **about) for i in range(NUM_NUMBERS))
    words = tuple(
        CategoricalFeature(name=f"w{i}", categories=tuple(f"word {n}" for n in range(30)), missing_share=0)
        for i in range(NUM_WORDS)
    )
    schema = Schema(numeric=numbers, categorical=words, label=Label(name="y"))
    Contract(task=Task.TABULAR_REGRESSION, data_schema=schema).save(folder / "version")
    reference = pa.table(columns(rng, NUM_REFERENCE))
    pq.write_table(reference, folder / "version" / release.FOLDER / release.REFERENCE_FILE)
    for start in range(0, num_rows, ROWS_A_PART):
        count, when = min(ROWS_A_PART, num_rows - start), NOW - timedelta(minutes=59)
        part = request_log.partition_folder(folder / "requests", "m", 1, when)
        part.mkdir(parents=True, exist_ok=True)
        ids = pa.array([f"r{start + row}" for row in range(count)])
        times = pa.array(
            [when + timedelta(milliseconds=start + row) for row in range(count)], pa.timestamp("us", "UTC")
        )
        pq.write_table(
            pa.table({"request_id": ids, "ts": times, **columns(rng, count)}), part / f"a-{start:08}.parquet"
        )


def ours(folder: Path) -> int:
    """Judge the window as a check does; return the number of requests."""
    from estafet.runfile.monitor import Monitor
    from monitoring.detection.window import judge
    from monitoring.detection.windows import window_to_judge
    from monitoring.served import ServedVersion

    served = ServedVersion("m", 1, folder / "version")
    window = window_to_judge(folder / "requests", served, after_us=None, window_hours=24, now=NOW)
    judge(served.reference(), window, served, Monitor())
    return window.num_rows


def theirs(folder: Path) -> int:
    """Let Evidently's preset judge the same rows; return their number."""
    import pyarrow.parquet as pq
    from evidently import Report
    from evidently.presets import DataDriftPreset

    from estafet import release

    names = [f"n{i}" for i in range(NUM_NUMBERS)] + [f"w{i}" for i in range(NUM_WORDS)]
    requests = pq.read_table(folder / "requests", columns=names, partitioning=None).to_pandas()
    reference = pq.read_table(folder / "version" / release.FOLDER / release.REFERENCE_FILE).to_pandas()
    Report([DataDriftPreset()]).run(requests, reference).dict()
    return len(requests)


def imports(side: str) -> None:
    """Import what a side needs, so that the clock does not count it."""
    needed = {
        "theirs": ["evidently.presets"],
        "ours": ["scipy.stats", "sklearn.ensemble", "monitoring.detection.window"],
    }
    for name in ("pyarrow.parquet", *needed[side]):
        importlib.import_module(name)


def child(side: str, folder: Path) -> None:
    """Measure one side, and print its CPU-seconds and megabytes."""
    imports(side)
    judged: Callable[[Path], int] = {"ours": ours, "theirs": theirs}[side]
    started = time.process_time()
    count = judged(folder)
    taken = time.process_time() - started
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu_s": taken, "mb": megabytes, "rows": count}))


def main() -> None:
    """Measure both sides in turn, and compare their medians."""
    num_rows, repeats = QUICK if parse(__doc__ or "").quick else FULL
    found: dict[str, list[dict[str, float]]] = {"ours": [], "theirs": []}
    with tempfile.TemporaryDirectory(prefix="estafet-drift-scale-") as folder:
        write(Path(folder), num_rows)
        for _ in range(repeats):
            for side, runs in found.items():
                command = [sys.executable, __file__, "--child", side, folder]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                runs.append(json.loads(done.stdout.strip().splitlines()[-1]))
                assert runs[-1]["rows"] == num_rows
                print(f"{side}: {runs[-1]['cpu_s']:.2f} CPU-s, {runs[-1]['mb']:,.0f} MB", flush=True)
    cpu, memory = (
        median(run[key] for run in found["theirs"]) / median(run[key] for run in found["ours"])
        for key in ("cpu_s", "mb")
    )
    value = {"times less CPU time": round(cpu, 1), "times less memory": round(memory, 2), "rows": num_rows}
    goal = {"times less CPU time": MIN_CPU, "times less memory": MIN_MEMORY}
    is_full = num_rows == FULL[0]
    conclude(
        "a check of 10⁶ requests takes 1/20 of Evidently's CPU time and 1/3 of its memory",
        value, goal, cpu >= (MIN_CPU if is_full else 2) and memory >= (MIN_MEMORY if is_full else 1),
    )  # fmt: skip


if __name__ == "__main__":
    if "--child" in sys.argv:
        child(sys.argv[-2], Path(sys.argv[-1]))
    else:
        main()
