"""Lines that are no rows: with too few or too many fields, or the header once more."""

import pytest

from estafet.errors import DataError


@pytest.mark.parametrize("num_bytes", [5, 16, 1 << 20])
def test_ragged_lines_are_named_and_rows_keep_their_numbers(open_csv, read_all, small_blocks, num_bytes):
    small_blocks(num_bytes)

    read = read_all(open_csv("a,b\n1,2\n3,4\n5\n7,8\n9,10,11\n12,13\n", name="x.csv"))

    assert read.columns["a"] == [1, 3, 7, 12]
    assert read.numbers == [f"x.csv row {i}" for i in (1, 2, 4, 6)]
    assert [(line.kind, line.where, line.text) for line in read.lines] == [
        ("ragged", "x.csv row 3", "5"),
        ("ragged", "x.csv row 5", "9,10,11"),
    ]
    assert read.lines[0].reason == "it has 1 field, and the header has 2"


def test_problems_are_counted_among_ragged_lines(open_csv, read_all):
    content = (
        "a,b\n" + "".join(f"{i},1\n" for i in range(10)) + "x\n11,1\ny,1\n" + "".join(f"{i},1\n" for i in range(9))
    )

    read = read_all(open_csv(content, name="x.csv"))

    assert [(where, reason) for where, *_, reason in read.problems] == [("x.csv row 13", "'y' is no whole number")]


def test_a_header_that_most_lines_do_not_fit(open_csv):
    with pytest.raises(DataError) as caught:
        open_csv("made by hand,2026\n1,2,3\n4,5,6\n")

    assert "2 of the first 2 rows" in caught.value.message
    assert "do not have 2 fields as its header has: row 1 has 3 ('1,2,3')" in caught.value.message
    assert "data.delimiter" in caught.value.hint


@pytest.mark.parametrize("num_bytes", [4, 11, 1 << 20])
def test_a_header_in_the_middle_is_no_row(open_csv, read_all, small_blocks, num_bytes):
    """As `cat *.csv` makes it, also with byte-order marks; the columns keep their types."""
    small_blocks(num_bytes)

    read = read_all(open_csv("a,b\r\n1,2\r\n\ufeffa,b\r\n3,4\r\na,b\r\n", name="x.csv"))

    assert read.schema == {"a": "int64", "b": "int64"}
    assert read.columns == {"a": [1, 3], "b": [2, 4]}
    assert read.numbers == ["x.csv row 1", "x.csv row 3"]
    assert [(line.kind, line.where) for line in read.lines] == [
        ("repeated_header", "x.csv row 2"),
        ("repeated_header", "x.csv row 4"),
    ]


def test_the_headers_text_within_a_field_or_a_line_is_no_header(open_csv, read_all):
    read = read_all(open_csv('a,b\nx,"y\na,b\nz"\nda,b\na,bc\n'))

    assert read.columns == {"a": ["x", "da", "a"], "b": ["y\na,b\nz", "b", "bc"]}
    assert read.lines == []


def test_a_column_may_hold_its_own_name(open_csv, read_all):
    assert read_all(open_csv("word\nsome\nword\n")).columns == {"word": ["some", "word"]}
