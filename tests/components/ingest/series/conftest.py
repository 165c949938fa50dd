"""Series are written from tables in memory, in batches of a few rows, and read back from their shards."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from components.ingest.batches import Batch
from components.ingest.quality.anomalies import Anomalies
from components.ingest.series.writing import write_series
from components.ingest.written import Written
from estafet.records.decoding import decode
from estafet.records.verify import read_frames
from estafet.runfile.steps import IngestSettings
from estafet.telemetry import silent

NUM_ROWS_AT_ONCE = 7


@dataclass(frozen=True)
class MemoryTable:
    """A table in memory, read seven rows at a time."""

    columns: pa.Table
    files: tuple[Path, ...] = (Path("data.csv"),)
    num_bytes: int = 0

    @property
    def schema(self):
        return self.columns.schema

    @property
    def num_rows(self):
        return self.columns.num_rows

    def batches(self):
        done = 0
        for columns in self.columns.to_batches(NUM_ROWS_AT_ONCE):
            yield Batch(columns, "data.csv", 1 + done)
            done += len(columns)


@dataclass(frozen=True)
class Result:
    """What became of a table."""

    written: Written
    anomalies: Anomalies
    folder: Path

    def values(self, split, channel=0):
        """Return the steps of a split, context included, as they stand in the shards."""
        return [float(record["values"][channel]) for record in self._records(split)]

    def times(self, split):
        return [str(np.datetime64(int(record["time"][0]), "s")) for record in self._records(split)]

    def numbers(self, split):
        return [int(record["time"][0]) for record in self._records(split)]

    def all_times(self):
        """Return the times of all steps that any split holds."""
        return sorted({time for split in self.written.splits for time in self.times(split)})

    def by_time(self):
        """Return the value of each step, by its time."""
        return {
            time: value
            for split in self.written.splits
            for time, value in zip(self.times(split), self.values(split), strict=True)
        }

    def _records(self, split):
        for shard in self.written.splits[split].shards:
            yield from (decode(record) for _, record in read_frames(self.folder / shard.file, "none"))


@pytest.fixture
def write(tmp_path):
    """Return a function that writes columns as a data set; windows of two steps in and one out, unless said."""

    def written(columns, **settings):
        settings = {"label": "x", "time": "t", "window": {"lookback": 2, "horizon": 1}} | settings
        made = IngestSettings(task="forecasting", source="data.csv", **settings)
        folder = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        with Anomalies(made, folder) as anomalies:
            table = MemoryTable(pa.table(columns))
            return Result(write_series(table, made, folder, anomalies, silent), anomalies, folder)

    return written


@pytest.fixture
def hours():
    """Return a function that gives times that are so many hours apart, as text."""

    def made(num, start="2026-01-01T00:00", step_h=1):
        return [str(np.datetime64(start, "m") + i * np.timedelta64(round(60 * step_h), "m")) for i in range(num)]

    return made
