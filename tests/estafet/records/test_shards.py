"""Shards appear whole or not at all, with the names and checksums that the manifest says."""

import errno
import gzip
import os

import google_crc32c
import pytest

from estafet.records.shards import ShardWriter, SplitWriters


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_shard_is_closed_when_it_has_reached_its_size(tmp_path):
    with ShardWriter(tmp_path, "train", shard_bytes=8) as writer:
        for piece in (b"12345", b"678", b"9"):
            writer.write(piece, 1)

    assert names(tmp_path) == ["train-00000-of-00002.tfrecord", "train-00001-of-00002.tfrecord"]
    assert [(shard.num_examples, shard.num_bytes) for shard in writer.shards] == [(2, 8), (1, 1)]
    assert (tmp_path / writer.shards[0].file).read_bytes() == b"12345678"
    assert writer.num_bytes == 9


def test_the_checksum_is_that_of_the_file(tmp_path):
    """CRC32C of "123456789" is 0xE3069283 (RFC 3720's check value)."""
    with ShardWriter(tmp_path, "test", shard_bytes=100) as writer:
        writer.write(b"1234", 1)
        writer.write(b"56789", 1)

    assert writer.shards[0].crc32c == 0xE3069283
    assert google_crc32c.value((tmp_path / writer.shards[0].file).read_bytes()) == 0xE3069283


def test_a_split_without_examples_has_no_shard(tmp_path):
    with ShardWriter(tmp_path, "validation", shard_bytes=100) as writer:
        pass

    assert writer.shards == ()
    assert names(tmp_path) == []


def test_no_shard_has_its_name_before_the_last_is_written(tmp_path):
    with ShardWriter(tmp_path, "train", shard_bytes=1) as writer:
        writer.write(b"one", 1)
        writer.write(b"two", 1)
        assert not any(name.endswith(".tfrecord") for name in names(tmp_path))


def test_nothing_is_left_after_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="stop"):
        with ShardWriter(tmp_path, "train", shard_bytes=1) as writer:
            writer.write(b"finished", 1)
            raise RuntimeError("stop")

    assert names(tmp_path) == []


def test_nothing_is_left_when_the_disk_is_full(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("estafet.records.shards.os.fsync", full)

    with pytest.raises(OSError, match="No space left"):
        with ShardWriter(tmp_path, "train", shard_bytes=1) as writer:
            writer.write(b"one", 1)

    assert names(tmp_path) == []


def test_a_gzip_shard_holds_what_was_written(tmp_path):
    """Its size and checksum in the manifest are those of the file; and it is cut by its size on the disk."""
    with ShardWriter(tmp_path, "train", shard_bytes=10**6, compression="gzip") as writer:
        writer.write(b"1234" * 1000, 1)
        writer.write(memoryview(b"56789"), 1)

    (shard,) = writer.shards
    data = (tmp_path / "train-00000-of-00001.tfrecord.gz").read_bytes()
    assert gzip.decompress(data) == b"1234" * 1000 + b"56789"
    assert (shard.num_examples, shard.num_bytes, shard.crc32c) == (2, len(data), google_crc32c.value(data))


def test_a_gzip_shard_has_the_same_bytes_at_any_time(tmp_path, monkeypatch):
    """A gzip header may hold the time and the name of the file; ours holds neither."""
    for second in (1, 10**9):
        monkeypatch.setattr("time.time", lambda second=second: second)
        (tmp_path / str(second)).mkdir()
        with ShardWriter(tmp_path / str(second), f"split{second}", shard_bytes=100, compression="gzip") as writer:
            writer.write(b"record", 1)

    first, later = (next((tmp_path / str(second)).iterdir()).read_bytes() for second in (1, 10**9))
    assert first == later
    assert first[3:8] == bytes(5)  # no flags, so no name, and the time 0 (RFC 1952)


def test_several_splits_are_written_side_by_side(tmp_path):
    with SplitWriters(tmp_path, ["train", "validation", "test"], shard_bytes=4) as writers:
        writers.write("train", b"1234", 2)
        writers.write("test", b"a", 1)
        writers.write("train", b"5", 1)
        assert not any(name.endswith(".tfrecord") for name in names(tmp_path))

    assert [(shard.file, shard.num_examples) for shard in writers.shards["train"]] == [
        ("train-00000-of-00002.tfrecord", 2),
        ("train-00001-of-00002.tfrecord", 1),
    ]
    assert writers.shards["validation"] == ()
    assert [shard.num_bytes for shard in writers.shards["test"]] == [1]
    assert names(tmp_path) == sorted(shard.file for shards in writers.shards.values() for shard in shards)


def test_nothing_is_left_of_any_split_when_one_cannot_be_named(tmp_path):
    """The first split has its name already; it loses it again."""
    (tmp_path / "test-00000-of-00001.tfrecord").mkdir()  # a folder in the way

    with pytest.raises(IsADirectoryError):
        with SplitWriters(tmp_path, ["train", "test"], shard_bytes=100) as writers:
            writers.write("train", b"one", 1)
            writers.write("test", b"two", 1)

    assert names(tmp_path) == ["test-00000-of-00001.tfrecord"]
    assert writers.shards == {}


def test_every_shard_is_on_the_disk_before_any_has_its_name(tmp_path, monkeypatch):
    """After a power cut, a file with its name is whole."""
    events = []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr("estafet.records.shards.os.fsync", lambda file: (events.append("sync"), sync(file)))
    monkeypatch.setattr("estafet.records.shards.os.replace", lambda *names: (events.append("name"), rename(*names)))

    with ShardWriter(tmp_path, "train", shard_bytes=1) as writer:
        for _ in range(3):
            writer.write(b"x", 1)

    assert events == ["sync"] * 3 + ["name"] * 3
