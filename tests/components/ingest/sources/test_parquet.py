"""Parquet files: types, partitions, damage."""

import datetime
import os

import pyarrow as pa
import pytest
from pyarrow import parquet

from estafet.errors import DataError


@pytest.fixture
def write(tmp_path):
    """Return a function that writes columns as a file below a folder and gives its path."""

    def written(name, columns, **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.table(columns), path, **options)
        return path

    return written


@pytest.fixture
def read(open_files, read_all):
    return lambda *paths, **values: read_all(open_files(paths, "parquet", **values))


def test_rows_their_places_and_the_progress(write, open_files, read_all):
    paths = [write(f"{i}.parquet", {"a": range(i, i + 150_000)}, row_group_size=40_000) for i in range(2)]

    table = open_files(paths, "parquet")
    found = read_all(table)

    assert table.num_rows == 300_000
    assert found.columns["a"] == [*range(150_000), *range(1, 150_001)]
    assert (found.numbers[0], found.numbers[-1]) == ("0.parquet row 1", "1.parquet row 150,000")
    done = [batch.num_bytes_read for batch in found.batches]
    assert done == sorted(done)
    assert 0 < done[0] < table.num_bytes / 2
    assert done[-1] == table.num_bytes == sum(path.stat().st_size for path in paths)


def test_wide_rows_come_a_few_at_a_time(write, open_files, monkeypatch):
    """Ten columns of eight bytes, or a column of texts of a hundred: memory must not grow with the width of a row."""
    monkeypatch.setattr("components.ingest.sources.parquet.BATCH_BYTES", 8000)
    texts = [f"{i:0100}" for i in range(1000)]
    wide = open_files([write("wide.parquet", {f"f{i}": [7] * 1000 for i in range(10)})], "parquet")
    long = open_files([write("long.parquet", {"text": texts}, use_dictionary=False, compression="none")], "parquet")

    assert [len(batch) for batch in wide.batches()] == [100] * 10
    assert 70 <= len(next(long.batches())) <= 80
    assert [text for batch in long.batches() for text in batch.columns["text"].to_pylist()] == texts


def test_files_get_types_that_hold_them_all(write, read):
    found = read(
        write("1.parquet", {"a": pa.array([1, None], pa.int32()), "b": pa.array(["x", "y"]).dictionary_encode()}),
        write("2.parquet", {"b": pa.array(["z"], pa.large_string()), "a": [0.5]}),
        write("3.parquet", {"a": pa.nulls(1), "b": pa.nulls(1)}),
    )

    assert found.schema == {"a": "double", "b": "string"}
    assert found.columns == {"a": [1, None, 0.5, None], "b": ["x", "y", "z", None]}


def test_words_as_categories_come_plainly(write, read):
    """Each row group may have its own dictionary; what comes behind needs to know of none."""
    words = [f"w{i // 10}" for i in range(100)]

    found = read(write("x.parquet", {"a": pa.array(words).dictionary_encode()}, row_group_size=25))

    assert found.schema["a"] == "string"
    assert found.columns["a"] == words


def test_files_whose_types_do_not_agree(write, read):
    paths = write("1.parquet", {"a": [1]}), write("2.parquet", {"a": ["x"]})

    with pytest.raises(DataError, match=r"column 'a' is int64 in '1.parquet' and string in '2.parquet'"):
        read(*paths)


def test_folders_become_columns(write, read):
    """Whole numbers where all values are; a value may be missing, and be written with %."""
    found = read(
        write("t/year=2025/where=a%2Fb/1.parquet", {"x": [1, 2]}),
        write("t/year=2026/where=7/2.parquet", {"x": [3]}),
        write("t/year=__HIVE_DEFAULT_PARTITION__/where=7/3.parquet", {"x": [4]}),
    )

    assert found.schema == {"x": "int64", "year": "int64", "where": "string"}
    assert found.columns == {
        "x": [1, 2, 3, 4],
        "year": [2025, 2025, 2026, None],
        "where": ["a/b", "a/b", "7", "7"],
    }


def test_a_column_of_the_files_is_theirs_whatever_the_folder_says(write, read):
    assert read(write("year=2025/1.parquet", {"year": [7], "x": [1]})).columns == {"year": [7], "x": [1]}


def test_folders_with_other_keys(write, read):
    paths = write("t/year=2025/1.parquet", {"x": [1]}), write("t/2.parquet", {"x": [2]})

    with pytest.raises(DataError, match=r"2.parquet' give the columns none, and those of .* year"):
        read(*paths)


def test_an_empty_part_is_passed_over_and_a_table_without_rows_is_not(write, read):
    empty, full = write("1.parquet", {"x": pa.array([], pa.int64())}), write("2.parquet", {"x": [1]})

    assert read(empty, full).columns == {"x": [1]}
    with pytest.raises(DataError, match="holds columns and no rows: x"):
        read(empty)


def test_times_lists_and_names_with_dots(write, read):
    day = datetime.date(2026, 1, 1)

    found = read(write("x.parquet", {"a.b": [1], "day": [day], "list": [[1, 2]], "s": [{"t": 1}]}))

    assert found.columns == {"a.b": [1], "day": [day], "list": [[1, 2]], "s": [{"t": 1}]}


def test_damaged_files_are_named(write, read, open_files, tmp_path):
    """One that is none, one that is cut, and one whose pages are damaged, which shows only while it is read."""
    path = write("x.parquet", {"a": [i * 7919 % 1000 for i in range(1000)]}, write_page_checksum=True)
    whole = path.read_bytes()
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"x.parquet' cannot be read: ") as caught:
        read(path)
    assert "whole parquet file" in caught.value.hint
    path.write_bytes(whole[:-20])
    with pytest.raises(DataError, match=r"x.parquet' cannot be read: "):
        read(path)
    path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    table = open_files([path], "parquet")
    with pytest.raises(DataError, match=r"x.parquet' cannot be read: .*[cC][rR][cC]"):
        list(table.batches())


def test_a_file_that_may_not_be_read(write, read, monkeypatch):
    """Said as the system says it; the tests may run as root, who may read everything."""
    path = write("x.parquet", {"a": [1]})

    def refuse(*_, **__):
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr(parquet, "ParquetFile", refuse)

    with pytest.raises(DataError, match="may not be read by this user") as caught:
        read(path)
    assert caught.value.hint == f"allow it: chmod u+r '{path}'"


def test_files_of_one_name_are_told_apart_by_their_folders(write, open_files):
    files = [write(f"t/year={year}/p.parquet", {"x": [1]}) for year in (2025, 2026)]

    table = open_files(files, "parquet")

    assert [batch.where(0) for batch in table.batches()] == ["year=2025/p.parquet row 1", "year=2026/p.parquet row 1"]
