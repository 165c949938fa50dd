"""CSV files: what comes out is what stands in them, however they are cut into blocks."""

import gzip

import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.ingest.batches import ROWS_AT_ONCE
from estafet.errors import ConfigError, DataError


def test_values_names_and_places(open_csv, read_all):
    read = read_all(open_csv(" a ,b,c,d\n1,x,1.5,true\n-2,,1e3,false\n", name="data.csv"))

    assert read.schema == {"a": "int64", "b": "string", "c": "double", "d": "bool"}
    assert read.columns == {"a": [1, -2], "b": ["x", None], "c": [1.5, 1000], "d": [True, False]}
    assert read.numbers == ["data.csv row 1", "data.csv row 2"]
    assert (read.problems, read.lines, read.changes) == ([], [], [])


def test_infinities_and_missing_numbers(open_csv, read_all):
    read = read_all(open_csv("a\ninf\n-Infinity\nNaN\nNA\nnull\n0.5\n"))

    assert read.columns["a"] == [float("inf"), -float("inf"), None, None, None, 0.5]


FIELDS = st.text(alphabet='ab",\né ', max_size=4)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=12), num_bytes=st.integers(1, 20))
def test_blocks_of_any_size_give_what_was_written(open_csv, read_all, small_blocks, rows, num_bytes):
    """Quotes, delimiters and line breaks in quoted fields, cut anywhere."""
    small_blocks(num_bytes)
    lines = [",".join('"' + text.replace('"', '""') + '"' for text in ("k", *row)) for row in rows]

    read = read_all(open_csv("key,a,b\n" + "\n".join(lines)))

    assert [tuple(row.values()) for row in read.rows.to_pylist()] == [("k", a or None, b or None) for a, b in rows]
    assert read.numbers == [f"0.csv row {i + 1}" for i in range(len(rows))]


STRAY = st.text(alphabet='ab"\n,', max_size=40)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=STRAY, num_bytes=st.integers(4, 9))
def test_stray_quotes_are_read_as_arrow_reads_a_whole_file(open_csv, read_all, small_blocks, text, num_bytes):
    """A table of one column and lines that Arrow takes as they are; those that no block could be are refused."""
    small_blocks(num_bytes)
    content = f"key;a\n0;k\n0;k\n0;k\n{text.replace(chr(10), chr(10) + '1;')}\n"
    content = "\n".join(line if line.count(";") == 1 else "2;" + line.replace(";", "") for line in content.split("\n"))
    parse = pa.csv.ParseOptions(delimiter=";", newlines_in_values=True)
    types = pa.csv.ConvertOptions(strings_can_be_null=True, column_types={"key": pa.string(), "a": pa.string()})
    try:
        whole = pa.csv.read_csv(pa.BufferReader(content.encode()), parse_options=parse, convert_options=types)
    except pa.ArrowInvalid:
        return
    pinned = {"columns": {"key": {"type": "text"}, "a": {"type": "text"}}}
    try:
        read = read_all(open_csv(content, delimiter=";", expected=pinned))
    except DataError as error:
        assert "is never closed" in error.message
        return

    assert read.rows.to_pylist() == whole.to_pylist()


def test_line_ends_of_all_systems(open_csv, read_all, small_blocks):
    small_blocks(7)
    for end in ("\n", "\r\n", "\r"):
        content = end.join(["a,b", "1,2", "", "3,4", "5,6"])
        assert read_all(open_csv(content)).columns == {"a": [1, 3, 5], "b": [2, 4, 6]}
        assert read_all(open_csv(end + content + end)).columns == {"a": [1, 3, 5], "b": [2, 4, 6]}


def test_another_quote_and_delimiter(open_csv, read_all):
    read = read_all(open_csv("a|'b'\n'1'|'it''s; \"|\"'\n", delimiter="|", quote="'"))

    assert read.columns == {"a": [1], "b": ['it\'s; "|"']}


@pytest.mark.parametrize("key", ["delimiter", "quote"])
def test_a_delimiter_or_quote_of_several_bytes(open_csv, key):
    with pytest.raises(ConfigError, match=f"data.{key} is '→'"):
        open_csv("a→b\n", **{key: "→"})


def test_a_quote_that_is_never_closed_is_named_with_its_row(open_csv, read_all):
    with pytest.raises(DataError) as caught:
        read_all(open_csv('a,b\n1,x\n2,y\n3,"z\n4,x\n5,y\n'))

    assert 'a field that " opens in row 3' in caught.value.message
    assert "data.quote" in caught.value.hint


def test_long_tables_come_in_batches_of_bounded_length(open_csv, read_all):
    num_rows = ROWS_AT_ONCE * 2 + 5
    read = read_all(open_csv("a,b\n" + "".join(f"{i},1\n" for i in range(num_rows)), name="long.csv"))

    assert [len(batch) for batch in read.batches] == [ROWS_AT_ONCE, ROWS_AT_ONCE, 5]
    assert read.columns["a"] == list(range(num_rows))
    assert read.numbers[-1] == f"long.csv row {num_rows:,}"


def test_progress_is_counted_in_bytes_of_the_file_as_it_is_stored(open_csv, read_all, small_blocks):
    small_blocks(64)
    content = "a,b\n" + "".join(f"{i},{i * 7919 % 1000}\n" for i in range(500))
    tables = [open_csv(content, content, name="plain{}.csv")]
    tables.append(open_csv(gzip.compress(content.encode()), gzip.compress(content.encode()), name="packed{}.csv.gz"))

    for table in tables:
        done = [batch.num_bytes_read for batch in read_all(table).batches]
        assert done == sorted(done)
        assert 0 < done[0] < table.num_bytes / 4
        assert done[-1] == table.num_bytes


def test_several_files_are_one_table(open_csv, read_all):
    read = read_all(open_csv("a,b\n1,2\n", "b,a\n3.5,4\n5,6\n"))

    assert read.columns == {"a": [1, 4, 6], "b": [2, 3.5, 5]}
    assert read.schema == {"a": "int64", "b": "double"}
    assert read.numbers == ["0.csv row 1", "1.csv row 1", "1.csv row 2"]


def test_files_with_other_columns(open_csv):
    with pytest.raises(DataError, match=r"'1.csv' lacks b and adds c, compared with '0.csv'"):
        open_csv("a,b\n1,2\n", "a,c\n1,2\n")


def test_two_columns_of_one_name(open_csv):
    with pytest.raises(DataError, match=r"0.csv' has several columns named 'a'"):
        open_csv("a,b, a\n1,2,3\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"\n\n", "holds no header"),
        (b"a,b\n", "a header and no rows: a, b"),
        (b"a,b\r\n\r\n", "a header and no rows: a, b"),
        (b"a,b", "a header and no rows: a, b"),
    ],
)
def test_files_without_rows(open_csv, content, said):
    with pytest.raises(DataError, match=said):
        open_csv("a,b\n1,2\n", content)


def test_decimal_commas_are_refused_or_read(open_csv, read_all):
    content = "a;b\n1;2,5\n3;-4\n"

    with pytest.raises(DataError, match=r"1 column\(s\) of .* decimal comma, such as '2,5' in 'b'") as caught:
        open_csv(content, delimiter=";")
    assert caught.value.hint == 'set data.decimal: ","'
    assert read_all(open_csv(content, delimiter=";", decimal=",")).columns == {"a": [1, 3], "b": [2.5, -4]}
