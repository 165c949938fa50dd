"""A window of the request log: its parts are read one after another, so that a million requests need little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from estafet import request_log
from estafet.errors import DataError
from monitoring.served import ServedVersion

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 2**14
TICK = timedelta(microseconds=1)
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Window:
    """Requests that are judged together.

    Attributes:
        num_rows: Their number.
        first_us: Time of the first one in microseconds since 1970; None where there is none.
        last_us: Time of the last one.
        damaged: Files of the log that cannot be read, and were left out.
        table: The requests themselves, where they are in memory; otherwise `files` has them.
        files: The parts of the log.
        since: Only requests from this time on.
        until: Only requests before this time.
    """

    num_rows: int
    first_us: int | None = None
    last_us: int | None = None
    damaged: tuple[str, ...] = ()
    table: pa.Table | None = None
    files: tuple[Path, ...] = ()
    since: datetime = EPOCH
    until: datetime = EPOCH

    @classmethod
    def of_table(cls, table: pa.Table) -> Window:
        """Return the window that has the rows of a table."""
        return cls(table.num_rows, table=table)

    def parts(self) -> Iterator[pa.Table]:
        """Yield the requests part by part, about in the order of time.

        Raises:
            DataError: A part was damaged since the window was made.
        """
        import pyarrow as pa

        if self.table is not None:
            yield self.table
        for path in self.files:
            for batch in request_log.batches_of_part(path, ROWS_AT_ONCE):
                yield _between(batch, self.since, self.until)
            pa.default_memory_pool().release_unused()

    def span(self) -> tuple[str, str] | None:
        """Return the times of the first and the last request, ISO 8601, or None where there is none."""
        if self.first_us is None or self.last_us is None:
            return None
        first, last = (
            (EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="seconds")
            for time_us in (self.first_us, self.last_us)
        )
        return first, last


def window_to_judge(
    requests_dir: str | Path, served: ServedVersion, *, after_us: int | None, window_hours: float, now: datetime
) -> Window:
    """Return the requests to a version in the last hours that come after the newest judged one.

    Args:
        requests_dir: The request log.
        served: The served version.
        after_us: Time of the newest judged request in microseconds since 1970, or None.
        window_hours: Hours before `now` that count.
        now: A time with a zone; a request that claims to come later waits until then.

    Raises:
        DataError: No request to the model was ever logged.
    """
    if next(request_log.part_files(requests_dir, served.model), None) is None:
        raise DataError(
            f"no request to '{served.model}' is logged in {requests_dir}.",
            hint="start the server with `estafet serve RUN.yaml` and send requests.",
        )
    since, until = now - timedelta(hours=window_hours), now + TICK
    if after_us is not None:
        since = max(since, EPOCH + timedelta(microseconds=after_us) + TICK)
    files, damaged, num_rows, times_us = [], [], 0, []
    for _, path in request_log.part_files(requests_dir, served.model, version=served.version, since=since, until=until):
        try:
            part = _between(request_log.read_part(path, [request_log.TS]), since, until)
        except DataError:
            damaged.append(str(path))
            continue
        if part.num_rows:
            files.append(path)
            num_rows += part.num_rows
            found = part[request_log.TS].cast("int64").to_numpy()
            times_us += [int(found.min()), int(found.max())]
    first, last = (min(times_us), max(times_us)) if times_us else (None, None)
    return Window(num_rows, first, last, tuple(damaged), None, tuple(files), since, until)


def _between(part: pa.Table, since: datetime, until: datetime) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    if request_log.TS not in part.column_names:
        raise DataError(
            "a file of the request log has no column of times.", hint="move it away; the server writes one."
        )
    for bound, compare in ((since, pc.greater_equal), (until, pc.less)):
        limit = pa.scalar(bound.astimezone(UTC), pa.timestamp("us", tz="UTC"))
        part = part.filter(compare(part[request_log.TS], limit))
    return part
