"""A table becomes a data set: all batches are read and spooled, then bucket after bucket is divided and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from components.ingest.batches import Table
from components.ingest.ordered import in_order
from components.ingest.parts import check_parts, splits_and_folds
from components.ingest.quality.anomalies import Anomalies
from components.ingest.quality.validation import Validator
from components.ingest.rows.dividing import Division, check_division, division
from components.ingest.rows.encoding import Columns, EncodedBucket, encode_bucket
from components.ingest.rows.plan import plan
from components.ingest.rows.reading import read
from components.ingest.rows.rows import Rows
from components.ingest.rows.spool import Spool
from components.ingest.rows.totals import Totals
from components.ingest.written import Written
from estafet.records.manifest import Overlap, Shard
from estafet.records.shards import SplitWriters
from estafet.runfile.steps import IngestSettings
from estafet.telemetry import Progress

MAX_BUCKETS_AT_ONCE = 4
"""However many cores there are: one that is encoded takes some five times its size on disk."""
PIECES_IN_SHARD = 4
"""A shard takes at least so many pieces, so that it is not much larger than it is to be."""


def write_rows(
    table: Table,
    settings: IngestSettings,
    folder: Path,
    anomalies: Anomalies,
    validator: Validator,
    *,
    progress: Progress,
    num_threads: int,
) -> Written:
    """Write the rows of a table as a data set, in bounded memory.

    Args:
        table: The table.
        settings: The step's settings.
        folder: Where the shards go.
        anomalies: Told what is wrong with the data.
        validator: Knows what they must be like.
        progress: Told how far it is.
        num_threads: How many threads work; the result does not depend on it.

    Raises:
        ConfigError: The run file names a column that is not there, or asks for what does not go together.
        DataError: The data do not suit the task, or too many rows have anomalies.
        TypeChanged: A column is of another type than was thought; read the table again.
    """
    check_division(settings)
    columns = plan(table.schema, settings)
    with Spool(folder) as spool:
        found = read(table, columns, settings, anomalies, validator, spool, progress=progress, num_threads=num_threads)
        anomalies.check(found.num_rows, "rows")
        known, classes = found.columns(settings.layout)
        divided = division(settings, found.class_totals(), found.all_times())
        totals = Totals(known, divided.names, classes)
        shards = _write(spool, known, divided, totals, settings, folder, progress, num_threads)
    parts = totals.parts(shards)
    check_parts(parts, settings, classes, totals.num_duplicates)
    splits, folds = splits_and_folds(parts)
    return Written(
        splits=splits,
        folds=folds,
        schema=totals.schema(found.plan.label),
        source_schema=found.profile.source_schema(time=settings.time),
        contents=totals.contents(),
        num_duplicates=totals.num_duplicates,
        overlap=Overlap(examples=totals.num_overlapping, groups=totals.num_shared_groups() if columns.group else None),
    )


def _write(
    spool: Spool,
    known: Columns,
    divided: Division,
    totals: Totals,
    settings: IngestSettings,
    folder: Path,
    progress: Progress,
    num_threads: int,
) -> dict[str, tuple[Shard, ...]]:
    shard_bytes = int(settings.shard_mb * 1e6)
    with SplitWriters(folder, divided.names, shard_bytes=shard_bytes, compression=settings.compression) as writers:
        for bucket in _encoded(spool, known, divided, shard_bytes // PIECES_IN_SHARD, num_threads):
            totals.add(bucket)
            for part, examples in bucket.parts.items():
                for framed, num_examples in examples.framed:
                    writers.write(divided.names[part], framed, num_examples)
            progress("writing", totals.num_rows, spool.num_rows)
    return writers.shards


def _encoded(
    spool: Spool, known: Columns, divided: Division, piece_bytes: int, num_threads: int
) -> Iterator[EncodedBucket]:
    def encoded(bucket: Callable[[], Rows]) -> EncodedBucket:
        return encode_bucket(known.told_apart(bucket()), divided.parts, known, divided.training, piece_bytes)

    # A stratified division counts as it goes, so it goes in order.
    return in_order(encoded, spool.buckets(), 1 if divided.is_in_order else min(num_threads, MAX_BUCKETS_AT_ONCE))
