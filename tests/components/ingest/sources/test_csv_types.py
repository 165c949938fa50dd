"""Types: those of the first rows, corrected by what comes later; and values that are of no type."""

import pytest

from estafet.errors import DataError


def lines(*values):
    """A table of two columns with these values in the first one."""
    return "a,b\n" + "".join(f"{value},1\n" for value in values)


def test_a_column_whose_later_numbers_have_fractions(open_csv, read_all, small_blocks):
    small_blocks(16)

    read = read_all(open_csv(lines(*range(20), 1.5)))

    assert read.schema["a"] == "double"
    assert read.columns["a"] == [*range(20), 1.5]
    assert read.changes == [
        "0.csv row 21: '1.5' in column 'a' is of another type than the rows before it; now 'a' is double"
    ]
    assert read.problems == []


def test_a_column_that_turns_to_words_is_one_of_words(open_csv, read_all, small_blocks):
    small_blocks(16)

    read = read_all(open_csv(lines(*range(8), "x", "y")))

    assert read.schema == {"a": "string", "b": "int64"}
    assert read.columns["a"] == [*map(str, range(8)), "x", "y"]
    assert len(read.changes) == 1


@pytest.mark.parametrize("num_bytes", [16, 1 << 20])
def test_a_few_words_in_a_column_of_numbers_are_wrong(open_csv, read_all, small_blocks, num_bytes):
    """Nine of ten are numbers: whether the word is in the first block or in a later one makes no difference."""
    small_blocks(num_bytes)

    read = read_all(open_csv(lines(*range(9), "x", "")))

    assert read.schema["a"] == "int64"
    assert read.columns["a"] == [*range(9), None, None]
    assert read.problems == [("0.csv row 10", "a", "type", "'x' is no whole number")]
    assert read.changes == []


@pytest.mark.parametrize("num_bytes", [16, 1 << 20])
def test_less_than_nine_tenths_of_numbers_are_words(open_csv, read_all, small_blocks, num_bytes):
    small_blocks(num_bytes)

    read = read_all(open_csv(lines(*range(8), "x")))

    assert read.schema["a"] == "string"
    assert read.problems == []


def test_numbers_of_all_spellings_beside_a_word(open_csv, read_all):
    """A block with a word is converted by other code than one without; both must read the same numbers."""
    spelled = ["+5", " 7 ", "1e5", "-2.5E-1", ".5", "1.", "inf", "-INF", "Infinity", "007", "9223372036854775808"]
    numbers = [5, 7, 1e5, -0.25, 0.5, 1, float("inf"), -float("inf"), float("inf"), 7, 2.0**63]

    assert read_all(open_csv(lines(*spelled))).columns["a"] == numbers
    with_words = read_all(open_csv(lines(*spelled, "∞", "-∞", "  ", "1_000")))
    assert with_words.columns["a"] == [*numbers, float("inf"), -float("inf"), None, None]
    assert [reason for *_, reason in with_words.problems] == ["'1_000' is no number"]


def test_one_whole_number_too_large_makes_floats(open_csv, read_all, small_blocks):
    small_blocks(16)

    read = read_all(open_csv(lines(1, 2, 3, 4, 5, 2**63)))

    assert read.schema["a"] == "double"
    assert read.columns["a"][-1] == 2.0**63


def test_a_column_that_is_empty_at_first(open_csv, read_all, small_blocks):
    small_blocks(16)

    read = read_all(open_csv(lines(*[""] * 20, 7)))

    assert read.schema["a"] == "int64"
    assert read.columns["a"] == [None] * 20 + [7]


def test_all_columns_that_change_do_so_at_once(open_csv, read_all, small_blocks):
    """However many columns turn out to be others, the table is begun again once."""
    small_blocks(16)
    rows = [f"{'' if i < 10 else i},{i if i < 20 else i / 4},{i if i < 30 else 'x'}" for i in range(60)]

    read = read_all(open_csv("a,b,c\n" + "\n".join(rows)))

    assert list(read.schema.values()) == ["int64", "double", "string"]
    assert len(read.changes) == 1


def test_days_that_turn_to_times(open_csv, read_all, small_blocks):
    small_blocks(16)

    read = read_all(open_csv(lines("2026-01-01", "2026-01-02", "2026-01-03 10:00", "2026-01-04")))

    assert read.schema["a"] == "timestamp[s]"
    assert [str(value) for value in read.columns["a"]][1:3] == ["2026-01-02 00:00:00", "2026-01-03 10:00:00"]


def test_dates_in_several_forms_are_text(open_csv, read_all):
    read = read_all(open_csv(lines("2026-01-01", "02.01.2026", "Jan 3 2026")))

    assert read.columns["a"] == ["2026-01-01", "02.01.2026", "Jan 3 2026"]


def test_a_class_among_numbers_is_a_class(open_csv, read_all):
    """Of a label, of a group and of what is ignored, a word among numbers is no mistake."""
    content = lines(*range(30), "other")
    as_class = {"task": "tabular_classification", "label": "a"}

    for values in (as_class, {"ignore": ["a"]}, {"split": {"group_by": "a"}}, {"series_by": "a"}):
        read = read_all(open_csv(content, **values))
        assert (read.columns["a"][-1], read.problems) == ("other", [])
    assert len(read_all(open_csv(content, task="tabular_regression", label="a")).problems) == 1


def test_files_whose_types_do_not_agree(open_csv, read_all, small_blocks):
    with pytest.raises(DataError, match=r"column 'a' is int64 in '0.csv' and string in '1.csv'") as caught:
        open_csv(lines(1, 2), lines("x", "y"))
    assert caught.value.hint
    small_blocks(16)
    late = open_csv(lines(1, 2), lines(*range(9), *"xyz"))
    with pytest.raises(DataError, match=r"column 'a' is int64 in '0.csv' and string in '1.csv'"):
        read_all(late)


def test_a_word_in_one_file_of_numbers_is_wrong_there(open_csv, read_all):
    read = read_all(open_csv(lines(*range(20)), lines(*range(20), "x")))

    assert [(where, reason) for where, *_, reason in read.problems] == [("1.csv row 21", "'x' is no whole number")]


def pinned(**types):
    return {"columns": {name: {"type": kind} for name, kind in types.items()}}


def test_pinned_types_decide(open_csv, read_all):
    """What the values look like does not count; each that is of another type is wrong."""
    content = "a,b,c,d\n007,1,5.0,true\n1,x,2.5,1\n2,∞,1e2,yes\n"

    read = read_all(open_csv(content, expected=pinned(a="category", b="number", c="integer", d="boolean")))

    assert list(read.schema.values()) == ["string", "double", "int64", "bool"]
    assert read.columns == {
        "a": ["007", "1", "2"],
        "b": [1, None, float("inf")],
        "c": [5, None, 100],
        "d": [True, True, None],
    }
    assert sorted(reason for *_, reason in read.problems) == [
        "'2.5' is no whole number",
        "'x' is no number",
        "'yes' is neither true nor false",
    ]


def test_pinned_types_need_no_second_look(open_csv, read_all, small_blocks):
    small_blocks(16)

    read = read_all(open_csv(lines(*range(9), *"xyz"), expected=pinned(a="integer", b="integer")))

    assert read.changes == []
    assert len(read.problems) == 3


def test_a_pinned_type_reconciles_files(open_csv, read_all):
    read = read_all(open_csv(lines(1, 2), lines("A3"), expected=pinned(a="text")))

    assert read.columns["a"] == ["1", "2", "A3"]
