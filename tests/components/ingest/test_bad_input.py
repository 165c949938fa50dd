"""What is wrong with the data is said with its values, and what to change; nothing is left half-written."""

import errno
import os

import numpy as np
import pytest

from components.ingest import step
from estafet.errors import ConfigError

ROWS = [[i, i * 2, ["no", "yes"][i % 2]] for i in range(60)]
HEADER = ["a", "b", "y"]


def test_a_file_that_is_not_there_names_the_closest(write_csv, settings, refused, tmp_path):
    write_csv(HEADER, ROWS, name="customers.csv")

    message, hint = refused(settings("tabular_classification", tmp_path / "custmers.csv", label="y"))

    assert "custmers.csv' does not exist" in message
    assert "'customers.csv'" in hint


def test_a_glob_without_match_names_what_there_is(write_csv, settings, refused, tmp_path):
    write_csv(HEADER, ROWS, name="customers.csv")

    message, hint = refused(settings("tabular_classification", tmp_path / "part-*.csv", label="y"))

    assert "no file matches" in message
    assert "customers.csv" in hint


def test_a_folder_that_is_not_there_names_the_closest(digits_folder, settings, refused):
    message, hint = refused(settings("image_classification", digits_folder.parent / "digit" / "*"))

    assert "no file matches" in message
    assert digits_folder.name in hint


def test_an_empty_file(settings, refused, tmp_path):
    (tmp_path / "empty.csv").touch()

    message, _ = refused(settings("tabular_classification", tmp_path / "empty.csv", label="y"))

    assert "empty.csv' is empty (0 bytes)" in message


def test_a_header_without_rows(write_csv, settings, refused):
    message, _ = refused(settings("tabular_classification", write_csv(HEADER, []), label="y"))

    assert "a header and no rows: a, b, y" in message


@pytest.mark.parametrize(("used", "typed"), [(";", '";"'), ("\t", '"\\t"'), ("|", '"|"')])
def test_a_wrong_delimiter_is_guessed(write_csv, settings, refused, used, typed):
    path = write_csv(HEADER, [[1.5, 2, "no"]], delimiter=used)

    message, hint = refused(settings("tabular_classification", path, label="y"))

    assert "has one column" in message
    assert hint == f"set data.delimiter: {typed}"


def test_a_file_with_semicolons_and_decimal_commas(settings, refused, tmp_path):
    path = tmp_path / "european.csv"
    path.write_text("a;b;y\n1,5;2,5;no\n3,5;4,5;yes\n")

    _, hint = refused(settings("tabular_classification", path, label="y"))

    assert hint == 'set data.delimiter: ";"'


def test_numbers_with_a_decimal_comma_are_not_learnt_as_words(settings, refused, tmp_path):
    path = tmp_path / "european.csv"
    path.write_text("a;b;y\n" + "".join(f"{i};{i},5;{'no' if i % 2 else 'yes'}\n" for i in range(60)))

    message, hint = refused(settings("tabular_classification", path, label="y", delimiter=";"))
    read = settings("tabular_classification", path, label="y", delimiter=";", decimal=",")
    manifest = step.ingest(read, tmp_path / "out")

    assert "1 column(s) of " in message
    assert "decimal comma, such as '0,5' in 'b'" in message
    assert hint == 'set data.decimal: ","'
    assert [(f.name, f.min % 1) for f in manifest.data_schema.numeric] == [("b", 0.5), ("a", 0)]


def test_a_line_with_too_few_fields(settings, refused, tmp_path):
    path = tmp_path / "ragged.csv"
    path.write_text("a,b,y\n1,2,no\n3,yes\n")

    message, hint = refused(settings("tabular_classification", path, label="y"))

    assert "row 2 has 2 ('3,yes')" in message
    assert "data.delimiter" in hint


def test_text_that_is_not_utf8(settings, refused, tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes("a,y\né,no\n".encode("latin1") * 3)

    _, hint = refused(settings("tabular_classification", path, label="y"))

    assert "iconv" in hint


def test_a_file_that_is_no_parquet(settings, refused, tmp_path):
    path = tmp_path / "x.parquet"
    path.write_text("a,b\n1,2\n")

    message, _ = refused(settings("tabular_classification", path, label="y"))

    assert "x.parquet' cannot be read" in message


@pytest.mark.parametrize(
    "values",
    [{"label": "speices"}, {"label": "species", "features": ["speices"]}, {"label": "species", "time": "speices"}],
)
def test_a_column_that_is_not_there_names_the_closest(write_csv, settings, refused, values):
    path = write_csv(["a", "b", "species"], ROWS)

    message, hint = refused(settings("tabular_classification", path, **values), ConfigError)

    assert "no column 'speices'" in message
    assert "did you mean 'species'?" in hint


def test_no_label_named(write_csv, settings, refused):
    _, hint = refused(settings("tabular_classification", write_csv(HEADER, ROWS)), ConfigError)

    assert hint == "set it to one of: a, b, y."


def test_a_feature_with_a_name_of_the_reports(write_csv, settings, refused):
    path = write_csv(["prediction", "b", "y"], ROWS)

    message, hint = refused(settings("tabular_classification", path, label="y"), ConfigError)

    assert "'prediction' cannot be a feature" in message
    assert "data.ignore" in hint


def test_a_column_of_times_is_no_feature(write_csv, settings, refused):
    path = write_csv(["day", "y"], [["2026-11-20", i % 2] for i in range(9)])

    message, hint = refused(settings("tabular_classification", path, label="y"))

    assert "column 'day' holds date32" in message
    assert "data.ignore: [day]" in hint


def test_labels_that_are_missing_are_counted_and_named(write_csv, settings, refused):
    rows = [[i, i, "" if i in (4, 7) else ["no", "yes"][i % 2]] for i in range(60)]

    message, hint = refused(settings("tabular_classification", write_csv(HEADER, rows), label="y"))

    assert message.startswith("2 of 60 rows cannot be used (data.csv row 5: the label is missing; data.csv row 8")
    assert "data.max_bad_share: 0.0334" in hint


def test_the_share_that_the_hint_names_is_enough(write_csv, settings, tmp_path):
    rows = [[i, i, "" if i in (4, 7) else ["no", "yes"][i % 2]] for i in range(60)]
    made = settings("tabular_classification", write_csv(HEADER, rows), label="y", max_bad_share=0.0334)

    manifest = step.ingest(made, tmp_path / "out")

    assert manifest.num_bad_examples == 2
    assert [(bad.where, bad.reason) for bad in manifest.bad_examples] == [
        ("data.csv row 5", "the label is missing"),
        ("data.csv row 8", "the label is missing"),
    ]
    assert sum(split.num_examples for split in manifest.splits.values()) == 58
    assert step.summary(manifest).endswith(" · 2 left out")


def test_a_missing_numeric_label(write_csv, settings, refused):
    path = write_csv(["a", "y"], [[i, "nan" if i == 3 else i / 7] for i in range(60)])

    message, _ = refused(settings("tabular_regression", path, label="y"))

    assert "1 of 60 rows cannot be used (data.csv row 4: the label is missing)" in message


def test_no_label_at_all(write_csv, settings, refused):
    path = write_csv(["a", "y"], [[i, ""] for i in range(60)])

    _, hint = refused(settings("tabular_classification", path, label="y", max_bad_share=0.99))

    assert "none is left" in hint


def test_one_class(write_csv, settings, refused):
    path = write_csv(["a", "y"], [[i, "yes"] for i in range(60)])

    message, _ = refused(settings("tabular_classification", path, label="y"))

    assert "the label 'y' holds 1 class in the training split ('yes')" in message


def test_classes_that_are_measurements(write_csv, settings, refused):
    path = write_csv(["a", "y"], [[i, i / 7] for i in range(60)])

    message, hint = refused(settings("tabular_classification", path, label="y"))

    assert "60 or more different numbers with fractions, from 0 to 8.42857" in message
    assert "tabular_regression" in hint


def test_a_regression_of_words(write_csv, settings, refused):
    message, hint = refused(settings("tabular_regression", write_csv(HEADER, ROWS), label="y"))

    assert (
        "is to be a number, and 60 of 60 rows hold none: the label 'no' is no number; the label 'yes' is no" in message
    )
    assert "tabular_classification" in hint


def test_a_word_among_numbers_to_predict_is_named(write_csv, settings, refused):
    path = write_csv(["a", "y"], [[i, "n/k" if i == 9 else i] for i in range(60)])

    message, _ = refused(settings("tabular_regression", path, label="y"))

    assert "data.csv row 10: y: 'n/k' is no" in message


def test_too_few_rows_for_a_split(write_csv, settings, refused):
    message, hint = refused(settings("tabular_classification", write_csv(HEADER, ROWS[:4]), label="y"))

    assert "split is empty: 4 examples are too few" in message
    assert "data.split" in hint


def test_sources_with_different_columns(write_csv, settings, refused, tmp_path):
    write_csv(HEADER, ROWS, name="1.csv")
    write_csv(["a", "c", "y"], ROWS, name="2.csv")

    message, _ = refused(settings("tabular_classification", tmp_path / "*.csv", label="y"))

    assert "'2.csv' lacks b and adds c, compared with '1.csv'" in message


def test_sources_with_different_types(write_csv, settings, refused, tmp_path):
    write_csv(HEADER, ROWS, name="1.csv")
    write_csv(HEADER, [["x", *row[1:]] for row in ROWS], name="2.csv")

    message, _ = refused(settings("tabular_classification", tmp_path / "*.csv", label="y"))

    assert "column 'a' is int64 in '1.csv' and string in '2.csv'" in message


def test_a_task_that_does_not_suit_the_data(write_csv, settings, refused):
    message, _ = refused(settings("image_classification", write_csv(HEADER, ROWS)), ConfigError)

    assert "image_classification is not learnt from csv" in message


def test_arrays_with_other_names(settings, refused, tmp_path):
    np.savez(tmp_path / "x.npz", data=np.zeros((9, 4)), target=np.arange(9))

    message, hint = refused(settings("tabular_classification", tmp_path / "x.npz"))

    assert "holds the arrays data, target" in message
    assert "x_train" in hint


def test_a_full_disk_leaves_nothing_behind(cancer_csv, settings, tmp_path, monkeypatch):
    """The error keeps its number, from which the step's telemetry knows what to say."""

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("estafet.records.shards.os.fsync", full)

    with pytest.raises(OSError) as caught:
        step.ingest(settings("tabular_classification", cancer_csv, label="target"), tmp_path / "out")

    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_a_column_without_a_name(write_csv, settings, refused):
    """The row numbers that pandas writes are no feature."""
    path = write_csv(["", "a", "y"], [[i, *row[1:]] for i, row in enumerate(ROWS)])

    message, hint = refused(settings("tabular_classification", path, label="y"), ConfigError)

    assert message == "column 1 of the data has no name, and a feature needs one."
    assert 'data.ignore: [""]' in hint


@pytest.mark.parametrize(
    ("task", "expected", "said"),
    [
        ("tabular_classification", {"images": {"max_height": 9}}, "says what images must be like, and the data have c"),
        ("image_classification", {"columns": {"a": {"type": "text"}}}, "says what columns must be like"),
    ],
)
def test_a_pinned_schema_of_other_data_is_not_passed_over(settings, refused, task, expected, said):
    message, hint = refused(settings(task, "anything", label="y", expected=expected), ConfigError)

    assert said in message
    assert "estafet inspect" in hint


@pytest.mark.parametrize("number", ["{},000", "{},000,000"])
def test_thousands_are_not_taken_for_fractions(write_csv, settings, refused, number):
    path = write_csv(["a", "y"], [[number.format(i + 1), i % 2] for i in range(60)])

    message, hint = refused(settings("tabular_classification", path, label="y"))

    assert f"such as {number.format(1)!r} in 'a'" in message
    assert hint.startswith("if the comma groups thousands, write the numbers without it")


def test_a_feature_that_is_named_twice(write_csv, settings, refused):
    path = write_csv(HEADER, ROWS)

    message, _ = refused(settings("tabular_classification", path, label="y", features=["a", "b", "a"]), ConfigError)

    assert message == "data.features names 'a' twice."


@pytest.mark.parametrize("task", ["tabular_classification", "image_classification"])
def test_a_single_array_in_place_of_several(settings, refused, tmp_path, task):
    with (tmp_path / "x.npz").open("wb") as file:
        np.save(file, np.zeros((9, 4)))

    message, _ = refused(settings(task, tmp_path / "x.npz"))

    assert "x.npz' cannot be read: it is one array" in message


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ({"group_by": "g"}, "60 examples, kept together by 'g', are too few for a share of"),
        ({"by": "time"}, "60 examples, those of one time kept together, are too few for a share of"),
    ],
)
def test_a_split_that_is_empty_because_rows_stay_together(write_csv, settings, refused, split, said):
    path = write_csv(["a", "g", "t", "y"], [[i, i % 2, "2026-11-20", i % 3] for i in range(60)])

    message, hint = refused(settings("tabular_classification", path, label="y", time="t", split=split))

    assert said in message
    assert ("seed" in hint) == ("group_by" in split)
