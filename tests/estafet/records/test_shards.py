"""Shards appear whole or not at all, with the names and checksums that the manifest says."""

import errno
import os

import google_crc32c
import pytest

from estafet.records.shards import ShardWriter


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
