"""The layout of the request log that a model server writes and a monitor reads: partitioned Parquet files.

    <requests_dir>/model=<name>/version=<N>/dt=YYYY-MM-DD/hour=HH/<writer>-<seq>.parquet

The time is UTC. Each row is one instance of one request: `request_id`, `ts`, the raw inputs of the signature under
their own names, then `prediction` and, for a classifier, `confidence`. A name that starts with a dot is a file that is
still being written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from estafet.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

REQUEST_ID = "request_id"
TS = "ts"
PREDICTION = "prediction"
CONFIDENCE = "confidence"
OWN_COLUMNS = (REQUEST_ID, TS, PREDICTION, CONFIDENCE)
"""The columns that are not inputs. An input of one of these names is logged as `input_<name>`."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def input_column(name: str) -> str:
    """Return the column in which the signature's input `name` is logged."""
    return f"input_{name}" if name in OWN_COLUMNS else name


def model_folder(requests_dir: str | Path, model: str) -> Path:
    """Return the folder with all requests to a model."""
    return Path(requests_dir) / f"model={_UNSAFE.sub('_', model)[:80]}"


def partition_folder(requests_dir: str | Path, model: str, version: int | str, when: datetime) -> Path:
    """Return the folder with the requests to one version that arrived in the hour of `when`.

    Args:
        requests_dir: The request log.
        model: The model's name.
        version: The served version.
        when: A time with a zone.
    """
    utc = when.astimezone(UTC)
    hour = Path(f"version={int(version)}", f"dt={utc:%Y-%m-%d}", f"hour={utc:%H}")
    return model_folder(requests_dir, model) / hour


def part_files(
    requests_dir: str | Path,
    model: str,
    *,
    version: int | str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[tuple[int, Path]]:
    """Yield the version and the path of every whole file whose hour touches the time asked for, in order of time."""
    found = []
    for path in model_folder(requests_dir, model).glob("version=*/dt=*/hour=*/*.parquet"):
        partition = _partition_of(path)
        if partition is None or path.name.startswith("."):
            continue
        number, hour = partition
        too_early = since is not None and hour + timedelta(hours=1) <= since
        too_late = until is not None and hour >= until
        if not (too_early or too_late or (version is not None and number != int(version))):
            found.append((hour, number, path))
    for _, number, path in sorted(found):
        yield number, path


def read(
    requests_dir: str | Path,
    model: str,
    *,
    version: int | str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    columns: list[str] | None = None,
) -> pa.Table:
    """Read logged requests, oldest first.

    Args:
        requests_dir: The request log.
        model: The model's name.
        version: Only requests that this version answered.
        since: Only requests from this time on (a time with a zone).
        until: Only requests before this time (a time with a zone).
        columns: Only these columns; `ts` and `version` are always among the result's.

    Returns:
        The requests sorted by `ts`, then `request_id` if read, with an int64 column `version`. A column that only some
        versions have is null for the others. No request at all gives an empty table with the columns `request_id`,
        `ts` and `version`.

    Raises:
        DataError: A file is damaged, or two versions have columns of one name that do not go together.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    tables = [
        _read_versioned(path, number, columns)
        for number, path in part_files(requests_dir, model, version=version, since=since, until=until)
    ]
    if not tables:
        return empty_table()
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(
            f"the requests to the versions of '{model}' do not fit together: {error}.",
            hint="read one version at a time.",
        ) from error
    for bound, compare in ((since, pc.greater_equal), (until, pc.less)):
        if bound is not None:
            limit = pa.scalar(bound.astimezone(UTC), pa.timestamp("us", tz="UTC"))
            table = table.filter(compare(table[TS], limit))
    keys = [(TS, "ascending")] + ([(REQUEST_ID, "ascending")] if REQUEST_ID in table.column_names else [])
    return table.sort_by(keys)


def empty_table() -> pa.Table:
    """Return what `read` gives for no request at all."""
    import pyarrow as pa

    fields = [(REQUEST_ID, pa.string()), (TS, pa.timestamp("us", tz="UTC")), ("version", pa.int64())]
    return pa.schema(fields).empty_table()


def read_part(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Read one file of the log.

    Args:
        path: The file.
        columns: Only those of these columns that it has.

    Raises:
        DataError: It is damaged, or gone.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            wanted = None if columns is None else [name for name in names if name in columns]
            return file.read(columns=wanted).replace_schema_metadata(None)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def batches_of_part(path: Path, num_rows: int) -> Iterator[pa.Table]:
    """Read one file of the log piece by piece, each of at most `num_rows` rows.

    Raises:
        DataError: It is damaged, or gone.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(num_rows, use_threads=False):
                yield pa.Table.from_batches([batch]).replace_schema_metadata(None)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"the request log's file {path} cannot be read: {error}.",
        hint="move it away; the other files of the log do not depend on it.",
    )


def _read_versioned(path: Path, version: int, columns: list[str] | None) -> pa.Table:
    import pyarrow as pa

    table = read_part(path, None if columns is None else [*columns, TS])
    return table.append_column("version", pa.array([version] * table.num_rows, pa.int64()))


def _partition_of(path: Path) -> tuple[int, datetime] | None:
    """Return a file's version and the start of its hour, or None where its folders do not follow the layout."""
    version, day, hour = (part.partition("=")[2] for part in path.parts[-4:-1])
    try:
        return int(version), datetime.strptime(f"{day} {hour}", "%Y-%m-%d %H").replace(tzinfo=UTC)
    except ValueError:
        return None
