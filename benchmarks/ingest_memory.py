"""Claim: a CSV file of 4 GB is ingested with a peak below 1 GB of memory, and the peak does not grow with the file.

Two files are made, of 0.5 and of 4 GB (`--quick`: 0.3 and 0.5 GB): 20 numbers, a word and a label in a
row. Each is ingested in a process of its own, whose largest resident memory is read from the system.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from claim import ROOT, conclude, parse

GOAL_MB = 1000
MAX_GROWTH = 1.25
NUM_COLUMNS = 20
ROWS_AT_ONCE = 50_000

INGEST = """
import resource, sys
from components.ingest import step

source, out = sys.argv[1:]
manifest = step.ingest(step.Settings(task="tabular_classification", source=source, label="label"), out)
print(sum(split.num_examples for split in manifest.splits.values()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main() -> None:
    """Make the files, ingest them, and compare the peaks."""
    quick = parse(__doc__ or "").quick
    sizes_mb = (300, 500) if quick else (500, 4000)
    with tempfile.TemporaryDirectory(prefix="estafet-memory-") as folder:
        peaks = [measure(Path(folder), size_mb) for size_mb in sizes_mb]
    small, large = peaks
    holds = large < GOAL_MB and (large < MAX_GROWTH * small)
    value = {f"peak_mb_of_{size_mb}_mb": round(peak) for size_mb, peak in zip(sizes_mb, peaks, strict=True)}
    value["growth"] = round(large / small, 2)
    conclude("a CSV file larger than memory is ingested in bounded memory", value, {"peak_mb": GOAL_MB}, holds)


def measure(folder: Path, size_mb: int) -> float:
    """Ingest a CSV file of a size, and return the peak of the process's memory in 10⁶ bytes."""
    source = folder / "rows.csv"
    num_rows = write_csv(source, size_mb * 10**6)
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", INGEST, source, folder / "dataset"], check=True, capture_output=True, text=True, cwd=ROOT
    )
    took_s = time.monotonic() - started
    num_examples, peak_kb = map(int, done.stdout.split())
    if num_examples != num_rows:
        sys.exit(f"{num_examples:,} of {num_rows:,} rows came through")
    peak_mb = peak_kb * (1 if sys.platform == "darwin" else 1024) / 1e6
    print(f"{size_mb:5,} MB, {num_rows:,} rows: peak {peak_mb:.0f} MB, {num_rows / took_s:,.0f} rows/s", flush=True)
    return peak_mb


def write_csv(path: Path, num_bytes: int) -> int:
    """Write a CSV file of about a size, each row another one, and return its number of rows."""
    import pyarrow as pa
    from pyarrow import csv

    rng, num_rows = np.random.default_rng(0), 0
    with path.open("wb") as file:
        while file.tell() < num_bytes:
            columns = {f"x{i}": rng.normal(size=ROWS_AT_ONCE).astype(np.float32) for i in range(NUM_COLUMNS)}
            columns["word"] = rng.choice(["ant", "bee", "cat", "dog"], ROWS_AT_ONCE)
            columns["label"] = rng.integers(0, 10, ROWS_AT_ONCE)
            csv.write_csv(pa.table(columns), file, csv.WriteOptions(include_header=num_rows == 0))
            num_rows += ROWS_AT_ONCE
    return num_rows


if __name__ == "__main__":
    main()
