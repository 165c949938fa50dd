"""A SavedModel that arrives file by file, byte by byte."""

from __future__ import annotations

import shutil

import pytest

from serving.server.models.bundle import bytes_of_shards
from serving.server.models.whole import INDEX, snapshot, what_is_missing

DATA = "variables/variables.data-00000-of-00001"


@pytest.fixture
def copy(toy, tmp_path):
    return shutil.copytree(toy, tmp_path / "1")


def test_a_real_model_is_whole(copy):
    assert what_is_missing(copy) is None


def test_the_index_knows_how_long_the_data_are(copy):
    """TensorFlow wrote both: the longest entry ends where the data end."""
    assert bytes_of_shards((copy / INDEX).read_bytes()) == [(copy / DATA).stat().st_size]


@pytest.mark.parametrize("name", ["saved_model.pb", INDEX, DATA])
def test_no_file_may_be_missing(copy, name):
    (copy / name).unlink()

    assert what_is_missing(copy) is not None


@pytest.mark.parametrize("name", [INDEX, DATA])
def test_no_byte_may_be_missing(copy, name):
    content = (copy / name).read_bytes()
    for size in {0, 1, len(content) // 2, len(content) - 1}:
        (copy / name).write_bytes(content[:size])
        missing = what_is_missing(copy)
        assert missing is not None, size
        assert name in missing.message
        assert missing.code.name == "DATA_LOSS"


@pytest.mark.parametrize("at", range(0, 200, 7))
def test_a_damaged_index_is_never_more_than_an_error(copy, at):
    content = bytearray((copy / INDEX).read_bytes())
    content[-1 - at] ^= 0xFF
    try:
        bytes_of_shards(bytes(content))
    except ValueError as error:
        assert str(error)


def test_a_model_without_variables_needs_none(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"a graph of Placeholder and Identity")

    assert what_is_missing(tmp_path) is None


def test_the_looks_of_a_folder_change_with_each_file(copy):
    first = snapshot(copy)
    assert snapshot(copy) == first
    (copy / "assets").mkdir(exist_ok=True)
    (copy / "assets" / "words.txt").write_text("a")
    second = snapshot(copy)
    (copy / "assets" / "words.txt").write_text("ab")

    assert len({first, second, snapshot(copy)}) == 3


def test_a_file_in_place_of_a_folder_has_no_model(tmp_path):
    (tmp_path / "1").write_text("")

    assert what_is_missing(tmp_path / "1").code.name == "NOT_FOUND"
    assert snapshot(tmp_path / "1")[0][:2] == ("1", 0)
