"""A table becomes a forecasting data set: its series are made regular, divided by time, and written step by step."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from components.ingest.batches import Table
from components.ingest.quality.anomalies import Anomalies
from components.ingest.series.dividing import SPLITS, Part, divide, num_overlapping
from components.ingest.series.reading import read
from components.ingest.series.regular import Series, regular_series
from components.ingest.statistics import NumericStatistics
from components.ingest.written import Written
from estafet.errors import ConfigError
from estafet.records.encoding import encode
from estafet.records.manifest import Overlap, Shard, Split, WindowSpec
from estafet.records.shards import SplitWriters
from estafet.runfile.steps import IngestSettings
from estafet.schema import Label, Schema
from estafet.telemetry import Progress

STEPS_AT_ONCE = 65_536


def write_series(
    table: Table, settings: IngestSettings, folder: Path, anomalies: Anomalies, progress: Progress
) -> Written:
    """Write the series of a table as a data set.

    The table is read as a stream, and of each row 4 bytes a channel, 8 for its time and 4 for its series are kept, so
    a hundred million steps of one channel take 1.6 GB, and about 2.5 times that while they are sorted and joined.

    Args:
        table: The table.
        settings: The step's settings.
        folder: Where the shards go.
        anomalies: Told what is wrong with the data.
        progress: Told how far it is.

    Raises:
        ConfigError: The run file names a column that is not there, or asks for what does not go together.
        DataError: The data do not suit the task, a series is too short, or too many steps have anomalies.
        TypeChanged: A column is of another type than was thought; read the table again.
    """
    _check(settings)
    rows = read(table, settings, anomalies, progress)
    anomalies.check(rows.num_rows, "steps of the series")
    all_series = regular_series(rows, settings, anomalies)
    parts = [divide(series, settings) for series in all_series]
    window = WindowSpec(**settings.window.model_dump())
    statistics = NumericStatistics(len(rows.channels))
    for series, part in zip(all_series, parts, strict=True):
        statistics.add(series.values[part["train"][1]])
    shards = _write(all_series, parts, settings, folder, progress)
    return Written(
        splits={split: _split(split, parts, shards[split]) for split in SPLITS},
        schema=Schema(
            numeric=statistics.features(rows.channels),
            label=Label(name=settings.label),
            time=settings.time,
            series_by=settings.series_by,
            calendar=settings.calendar,
            time_unit="seconds" if all_series[0].is_time else "number",
        ),
        source_schema=rows.profile.source_schema(
            [*settings.series_by, settings.time, *rows.channels], time=settings.time
        ),
        contents={split: _fingerprint(split, all_series, parts) for split in SPLITS},
        overlap=Overlap(
            windows=sum(num_overlapping(series, part, window) for series, part in zip(all_series, parts, strict=True))
        ),
    )


def _check(settings: IngestSettings) -> None:
    shares = settings.split
    if shares.by not in ("auto", "time"):
        raise ConfigError(
            f"a series is split by time, and data.split.by is '{shares.by}'.", hint="set it to time or auto."
        )
    for key in ("group_by", "k_folds"):
        if getattr(shares, key) is not None:
            raise ConfigError(
                f"a series is split by time, and data.split.{key} does not go with that.",
                hint=f"take it out{'; data.series_by tells series apart' if key == 'group_by' else ''}.",
            )


def _write(
    all_series: list[Series],
    parts: list[Mapping[str, Part]],
    settings: IngestSettings,
    folder: Path,
    progress: Progress,
) -> dict[str, tuple[Shard, ...]]:
    total = sum(part[split][0].num_steps for part in parts for split in SPLITS)
    shard_bytes, done = int(settings.shard_mb * 1e6), 0
    with SplitWriters(folder, SPLITS, shard_bytes=shard_bytes, compression=settings.compression) as writers:
        for split in SPLITS:
            for series, part in zip(all_series, parts, strict=True):
                values_TC, times_T = series.values[part[split][1]], series.times(part[split][1])
                for start in range(0, len(times_T), STEPS_AT_ONCE):
                    chosen = slice(start, start + STEPS_AT_ONCE)
                    framed = encode({"values": values_TC[chosen], "time": times_T[chosen]})
                    writers.write(split, framed, len(times_T[chosen]))
                    done += len(times_T[chosen])
                    progress("writing", done, total)
    return writers.shards


def _split(split: str, parts: list[Mapping[str, Part]], shards: tuple[Shard, ...]) -> Split:
    segments = tuple(part[split][0] for part in parts)
    return Split(shards=shards, num_examples=sum(segment.num_steps for segment in segments), segments=segments)


def _fingerprint(split: str, all_series: list[Series], parts: list[Mapping[str, Part]]) -> str:
    digest = hashlib.sha256()
    for series, part in zip(all_series, parts, strict=True):
        chosen = part[split][1]
        digest.update(repr(series.key).encode())
        digest.update(series.values[chosen].astype("<f4").tobytes())
        digest.update(series.times(chosen).astype("<i8").tobytes())
    return digest.hexdigest()
