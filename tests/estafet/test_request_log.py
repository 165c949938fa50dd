"""The layout of the request log, and reading it back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from estafet import request_log
from estafet.errors import DataError

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def write(root: Path, when: datetime, *, version: int = 1, **columns: object) -> Path:
    folder = request_log.partition_folder(root, "m", version, when)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"w-{len(list(folder.iterdir()))}.parquet"
    ts = pa.array([when], pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"request_id": [f"{when:%H%M}"], "ts": ts, **columns}), path)
    return path


def ids(table: pa.Table) -> list[str]:
    return table["request_id"].to_pylist()


def test_folders_are_in_utc(tmp_path):
    east = datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))

    folder = request_log.partition_folder(tmp_path, "m", 7, east)

    assert folder == tmp_path / "model=m" / "version=7" / "dt=2026-02-28" / "hour=22"


def test_a_name_cannot_leave_the_log(tmp_path):
    assert request_log.model_folder(tmp_path, "../../etc") == tmp_path / "model=.._.._etc"


def test_rows_come_oldest_first_whatever_the_files(tmp_path):
    for minutes in (90, 0, 30, 61):
        write(tmp_path, NOON + timedelta(minutes=minutes))

    assert ids(request_log.read(tmp_path, "m")) == ["1200", "1230", "1301", "1330"]


def test_the_beginning_belongs_to_a_window_and_its_end_does_not(tmp_path):
    for minutes in (0, 30, 60, 90):
        write(tmp_path, NOON + timedelta(minutes=minutes))

    found = request_log.read(tmp_path, "m", since=NOON + timedelta(minutes=30), until=NOON + timedelta(minutes=90))

    assert ids(found) == ["1230", "1300"]


def test_versions_can_be_told_apart(tmp_path):
    write(tmp_path, NOON, version=1, x=[1.0])
    write(tmp_path, NOON + timedelta(minutes=1), version=2, x=[2.0], y=["new"])

    assert ids(request_log.read(tmp_path, "m", version=2)) == ["1201"]
    assert request_log.read(tmp_path, "m")["version"].to_pylist() == [1, 2]
    assert request_log.read(tmp_path, "m")["y"].to_pylist() == [None, "new"]


def test_only_wanted_columns_are_read(tmp_path):
    write(tmp_path, NOON, x=[1.0], y=[2.0])

    assert request_log.read(tmp_path, "m", columns=["y"]).column_names == ["ts", "y", "version"]


def test_unfinished_and_foreign_files_are_left_alone(tmp_path):
    path = write(tmp_path, NOON)
    path.with_name(".w-1.parquet.tmp").write_bytes(b"half")
    path.with_name("notes.txt").write_text("mine")
    (tmp_path / "model=m" / "version=x" / "dt=1" / "hour=2").mkdir(parents=True)
    (tmp_path / "model=m" / "version=x" / "dt=1" / "hour=2" / "a.parquet").write_text("no")

    assert request_log.read(tmp_path, "m").num_rows == 1


def test_no_requests_are_an_empty_table(tmp_path):
    table = request_log.read(tmp_path / "nowhere", "m")

    assert (table.num_rows, table.column_names) == (0, ["request_id", "ts", "version"])


def test_a_damaged_file_is_named(tmp_path):
    path = write(tmp_path, NOON)
    path.write_bytes(b"damaged")

    with pytest.raises(DataError, match=path.name):
        request_log.read(tmp_path, "m")


def test_an_input_cannot_take_the_name_of_our_columns():
    assert request_log.input_column("ts") == "input_ts"
    assert request_log.input_column("size") == "size"
