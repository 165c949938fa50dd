"""What the writer puts on disk, and what it does when it cannot."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from estafet import request_log as layout
from serving.request_log import Batch, RequestLog, batch_of, keep
from serving.server.signature import Signature, TensorSpec

WHEN = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)


def spec(dtype: str, *shape: int) -> TensorSpec:
    return TensorSpec("t:0", dtype, (None, *shape))


CLASSIFIER = Signature(
    {"size": spec("float"), "color": spec("string"), "image_bytes": spec("string")},
    {"class": spec("string"), "confidence": spec("float"), "probabilities": spec("float", 2)},
)
FORECASTER = Signature({"values": spec("float", 3, 2)}, {"forecast": spec("float", 2)})


def words(*values: bytes) -> np.ndarray:
    return np.array(values, dtype=object)


def classified(num_rows: int = 2, request_id: str = "r", when: datetime = WHEN) -> Batch:
    inputs = {
        "size": np.arange(num_rows, dtype=np.float32),
        "color": words(*[b"red"] * num_rows),
        "image_bytes": words(*[b"\xff\x00"] * num_rows),
    }
    outputs = {
        "class": words(*[b"cat"] * num_rows),
        "confidence": np.full(num_rows, 0.75, np.float32),
        "probabilities": np.zeros((num_rows, 2), np.float32),
    }
    return Batch("m", 3, CLASSIFIER, request_id, num_rows, when.timestamp(), inputs, outputs, 1000)


def test_each_instance_is_a_row_with_raw_inputs_and_the_prediction(tmp_path):
    log = RequestLog(tmp_path)
    log.log(classified())
    log.close()

    table = layout.read(tmp_path, "m")

    assert table.to_pylist()[1] == {
        "request_id": "r-1",
        "ts": WHEN,
        "size": 1.0,
        "color": "red",
        "image_bytes": b"\xff\x00",
        "prediction": "cat",
        "confidence": 0.75,
        "version": 3,
    }
    assert table.schema.field("confidence").type == pa.float64()
    assert next(tmp_path.rglob("*.parquet")).parent == tmp_path / "model=m/version=3/dt=2026-03-01/hour=23"


def test_series_and_forecasts_are_flat_lists(tmp_path):
    values_NTC = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    batch = batch_of("m", 1, FORECASTER, "r", {"values": values_NTC}, {"forecast": np.array([[1, 2], [3, 4]])})
    log = RequestLog(tmp_path)
    log.log(batch)
    log.close()

    rows = layout.read(tmp_path, "m").to_pylist()

    assert [row["values"] for row in rows] == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert [row["prediction"] for row in rows] == [[1.0, 2.0], [3.0, 4.0]]
    assert [row["request_id"] for row in rows] == ["r-0", "r-1"]


def test_a_forecast_of_one_step_is_a_list_too(tmp_path):
    signature = Signature({"values": spec("float", 1, 1)}, {"forecast": spec("float", 1)})
    log = RequestLog(tmp_path)
    log.log(batch_of("m", 1, signature, "r", {"values": np.ones((1, 1, 1))}, {"forecast": np.array([[2.5]])}))
    log.close()

    assert layout.read(tmp_path, "m")["prediction"].to_pylist() == [[2.5]]


def test_a_request_without_a_common_first_axis_is_not_logged():
    signature = Signature({"x": spec("float")}, {"y": spec("float")})

    assert batch_of("m", 1, signature, "r", {"x": np.zeros(3)}, {"y": np.array(1.0)}) is None
    assert batch_of("m", 1, signature, "r", {"x": np.zeros(3)}, {"y": np.zeros(2)}) is None


def test_every_row_is_accounted_for(tmp_path):
    """5 rows fit into the queue, a sixth and seventh do not; a batch that breaks the signature is counted as bad."""
    log = RequestLog(tmp_path, max_queued_rows=5, flush_s=60)
    bad = Batch("m", 3, CLASSIFIER, "b", 1, WHEN.timestamp(), {"size": np.zeros((1, 2), np.float32)}, {}, 0)
    for batch in (classified(2), classified(2), bad, classified(2)):
        log.log(batch)
    log.close()

    counts = asdict(log.counts)

    assert counts == {
        "seen": 7, "sampled_out": 0, "dropped_full": 2, "dropped_bad": 1, "written": 4, "write_errors": 0, "files": 1,
        "files_removed": 0,
    }  # fmt: skip
    assert log.counts.lost == 3


def test_too_many_bytes_are_dropped_too(tmp_path):
    log = RequestLog(tmp_path, max_queued_bytes=10, flush_s=60)
    log.log(classified(2))
    log.close()

    assert log.counts.dropped_full == 2


def test_a_log_that_cannot_be_written_loses_rows_and_nothing_else(tmp_path):
    (tmp_path / "requests").write_text("a file where the folder should be")
    log = RequestLog(tmp_path / "requests")
    log.log(classified(2))
    log.close()

    assert (log.counts.write_errors, log.counts.written) == (2, 0)


def test_a_full_batch_is_written_before_the_time_is_up(tmp_path):
    log = RequestLog(tmp_path, flush_rows=2, flush_s=3600)
    log.log(classified(2))
    while not list(tmp_path.rglob("*.parquet")):
        pass
    log.close()

    assert layout.read(tmp_path, "m").num_rows == 2


def test_sampling_keeps_the_same_instances_everywhere(tmp_path):
    """Of 10,000 ids 10 % are kept, give or take 4 standard deviations (of 30)."""
    kept = [index for index in range(10_000) if keep(f"r-{index}", 0.1)]
    log = RequestLog(tmp_path, sample_rate=0.1)
    log.log(classified(10_000))
    log.close()

    table = layout.read(tmp_path, "m")

    assert len(kept) == pytest.approx(1000, abs=120)
    assert sorted(table["request_id"].to_pylist()) == sorted(f"r-{index}" for index in kept)
    assert table.filter(pa.compute.equal(table["request_id"], f"r-{kept[-1]}"))["size"].to_pylist() == [kept[-1]]
    assert log.counts.sampled_out == 10_000 - len(kept)


def test_series_of_different_lengths_share_a_file(tmp_path):
    signature = Signature({"values": TensorSpec("t:0", "float", (None, None))}, {"forecast": spec("float")})
    log = RequestLog(tmp_path, flush_s=60)
    for length in (2, 3, 2):
        values = np.full((1, length), length, np.float32)
        log.log(batch_of("m", 1, signature, f"r{length}", {"values": values}, {"forecast": np.ones(1)}))
    log.close()

    assert sorted(layout.read(tmp_path, "m")["values"].to_pylist()) == [[2, 2], [2, 2], [3, 3, 3]]
    assert log.counts.files == 1


def test_a_request_around_the_hour_lies_in_its_own_hour(tmp_path):
    log = RequestLog(tmp_path, flush_s=60)
    log.log(classified(1, "a", WHEN))
    log.log(classified(1, "b", WHEN + timedelta(seconds=2)))
    log.close()

    folders = {path.parent.parent.name: path.parent.name for path in tmp_path.rglob("*.parquet")}

    assert folders == {"dt=2026-03-01": "hour=23", "dt=2026-03-02": "hour=00"}


def test_many_requests_are_as_many_rows_in_their_order(tmp_path):
    """More requests than one table takes: 2 · 500 + 200."""
    log = RequestLog(tmp_path, flush_s=60)
    for number in range(1200):
        log.log(classified(1, f"r{number}"))
    log.close()

    (file,) = tmp_path.rglob("*.parquet")
    assert pq.read_table(file)["request_id"].to_pylist() == [f"r{number}-0" for number in range(1200)]


def test_the_oldest_files_go_when_the_log_has_filled_its_share_of_the_disk(tmp_path):
    sizes = RequestLog(tmp_path / "one", flush_s=60)
    sizes.log(classified(1))
    sizes.close()
    (one,) = (path.stat().st_size for path in (tmp_path / "one").rglob("*.parquet"))
    bound = int(4.5 * one)

    for hour in range(8):
        log = RequestLog(tmp_path / "log", flush_s=60, max_disk_bytes=bound)
        log.log(classified(1, f"r{hour}", WHEN + timedelta(hours=hour)))
        log.close()

    kept = layout.read(tmp_path / "log", "m")["request_id"].to_pylist()
    size = sum(path.stat().st_size for path in (tmp_path / "log").rglob("*.parquet"))
    assert kept == [f"r{hour}-0" for hour in (4, 5, 6, 7)]
    assert size <= bound


def test_a_file_says_what_was_lost_until_then(tmp_path):
    log = RequestLog(tmp_path, sample_rate=1.0)
    log.log(classified(2))
    log.close()

    metadata = pq.read_metadata(next(tmp_path.rglob("*.parquet"))).metadata

    assert json.loads(metadata[b"counts"])["seen"] == 2
    assert metadata[b"sample_rate"] == b"1.0"
