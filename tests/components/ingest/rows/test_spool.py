"""What is spooled comes out whole, by rising digest, from memory as from files."""

import itertools
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from components.ingest.rows.rows import Rows
from components.ingest.rows.spool import Spool


def rows_of(first, end):
    """Rows whose values all tell their number."""
    numbers = np.arange(first, end)
    digests = np.random.default_rng(0).integers(0, 2**64, (100_000, 2), dtype=np.uint64)[first:end]
    return Rows(
        digests=digests,
        draws=digests[:, 0],
        labels=numbers.astype(np.int32),
        numeric=np.stack([numbers, -numbers, numbers / 2], axis=1).astype(np.float32),
        integers=numbers[:, None],
        words=(pa.array([f"ż{n}" for n in numbers]),),
        numbers=numbers * 60,
    )


def in_order(rows):
    return rows.take(rows.order())


def spooled(folder, num_rows, batch, memory_bytes):
    with Spool(folder, memory_bytes=memory_bytes) as spool:
        for first in range(0, num_rows, batch):
            end = min(num_rows, first + batch)
            spool.add(in_order(rows_of(first, end)), share_read=end / num_rows)
        had_files = bool(list(folder.iterdir()))
        buckets = [bucket() for bucket in spool.buckets()]
    return buckets, had_files


@pytest.mark.parametrize(("memory_bytes", "on_disk"), [(10**9, False), (200_000, True)])
def test_all_rows_come_out_with_their_values(tmp_path, memory_bytes, on_disk):
    buckets, had_files = spooled(tmp_path, 10_000, 700, memory_bytes)

    assert had_files == on_disk
    back = Rows.joined(buckets)
    order = np.argsort(back.labels)
    expected = rows_of(0, 10_000)
    for name in ("digests", "draws", "labels", "numeric", "integers", "numbers"):
        np.testing.assert_array_equal(getattr(back, name)[order], getattr(expected, name))
    assert back.words[0].take(pa.array(order)) == expected.words[0]


@pytest.mark.parametrize("memory_bytes", [10**9, 500_000])
def test_buckets_do_not_overlap_and_rise(tmp_path, memory_bytes, monkeypatch):
    monkeypatch.setattr("components.ingest.rows.spool.ROWS_IN_MEMORY_BUCKET", 1000)
    monkeypatch.setattr("components.ingest.rows.spool.BUCKET_BYTES", 100_000)

    buckets, _ = spooled(tmp_path, 10_000, 700, memory_bytes)

    assert len(buckets) >= 8
    for one, next_one in itertools.pairwise(buckets):
        assert one.digests[:, 0].max() < next_one.digests[:, 0].min()


def test_the_files_are_gone_at_the_end_and_after_an_error(tmp_path):
    spooled(tmp_path, 10_000, 700, 200_000)
    assert not list(tmp_path.iterdir())

    with pytest.raises(KeyboardInterrupt), Spool(tmp_path, memory_bytes=1000) as spool:
        spool.add(rows_of(0, 1000), share_read=0.5)
        assert list(tmp_path.iterdir())
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="tells from /proc which files are open")
def test_a_bucket_that_was_read_holds_no_room_on_the_disk(tmp_path):
    """A removed file keeps its room for as long as it is open."""
    with Spool(tmp_path, memory_bytes=1000) as spool:
        spool.add(in_order(rows_of(0, 1000)), share_read=0.5)
        buckets = [bucket() for bucket in spool.buckets()]
        links = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]

    assert len(buckets) > 1
    assert not [link for link in links if str(tmp_path) in link]


def test_an_empty_spool_has_no_bucket(tmp_path):
    assert spooled(tmp_path, 0, 1, 10)[0] == []
