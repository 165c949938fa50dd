"""What is bad is counted and named, and left out or not as the run file says; what is left out keeps its reason."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from components.ingest.batches import BadLine, Batch, Problem
from components.ingest.quality import anomalies as module
from components.ingest.quality.anomalies import Anomalies
from estafet.errors import DataError
from estafet.records.manifest import Anomaly, BadExample


def problem(kind, column, rows, reason="{} is bad", unusable=False):
    return Problem(kind, column, np.array(rows), lambda i: reason.format(i), unusable)


def batch_of(num_rows, start=1, **found):
    return Batch(pa.record_batch({"x": np.arange(num_rows)}), "data.csv", start, **found)


@pytest.fixture
def anomalies(settings, tmp_path):
    """Return a function that makes `Anomalies` whose data set is in `tmp_path`."""

    def make(**values):
        return Anomalies(settings("tabular_classification", "data.csv", label="y", **values), tmp_path)

    return make


def test_rows_are_left_out_and_named_once_with_all_reasons(anomalies):
    with anomalies(max_bad_share=0.5) as found:
        keep_N = found.take(
            batch_of(6, problems=(problem("type", "a", [1], "'abc' is no number"),)),
            [
                problem("range", "b", [1, 4], "{} is below 7"),
                problem("missing_label", "y", [5], "the label is missing"),
            ],
        )

    assert keep_N.tolist() == [True, False, True, True, False, False]
    assert found.num_left_out == 3
    assert [(bad.where, bad.reason) for bad in found.bad] == [
        ("data.csv row 2", "a: 'abc' is no number; b: 0 is below 7"),
        ("data.csv row 5", "b: 1 is below 7"),
        ("data.csv row 6", "the label is missing"),
    ]


def test_anomalies_are_counted_over_batches_the_most_frequent_first_with_their_first_rows(anomalies):
    found = anomalies(on_anomaly="quarantine")
    found.take(batch_of(4, 1), [problem("range", "a", [0, 1, 2, 3]), problem("type", "b", [2])])
    found.take(batch_of(4, 5), [problem("range", "a", [1, 2, 3])])

    first, second = found.found
    assert (first.column, first.kind, first.count) == ("a", "range", 7)
    assert [bad.where for bad in first.first] == [f"data.csv row {row}" for row in (1, 2, 3, 4, 6)]
    assert first.first[4].reason == "0 is bad"
    assert (second.column, second.kind, second.count) == ("b", "type", 1)


def test_what_is_ignored_is_counted_and_kept_unless_it_is_of_no_use(anomalies, tmp_path):
    with anomalies(on_anomaly="ignore") as found:
        keep_N = found.take(
            batch_of(3), [problem("range", "a", [0]), problem("missing_label", "y", [2], unusable=True)]
        )
        kept = [found.example("cat/1.png", "image_size", "too small"), found.example("x", "gap", "gone", unusable=True)]
        found.check(5, "rows")

    assert keep_N.tolist() == [True, True, False]
    assert kept == [True, False]
    assert sum(anomaly.count for anomaly in found.found) == 4
    assert found.num_left_out == 2
    assert parquet.read_table(tmp_path / "quarantine" / "rows.parquet")["x"].to_pylist() == [2]


@pytest.mark.parametrize("way", ["quarantine", "ignore"])
def test_a_label_that_could_not_be_read_is_reported_once_and_left_out(anomalies, tmp_path, way):
    """The reader has made it null, so that whoever reads labels finds none."""
    unread = problem("type", "y", [1], "'n/k' is no number")
    with anomalies(on_anomaly=way) as found:
        missing = problem("missing_label", "y", [1, 2], "the label is missing", unusable=True)
        keep_N = found.take(batch_of(4, problems=(unread,)), [missing])

    assert keep_N.tolist() == [True, False, False, True]
    assert [(anomaly.kind, anomaly.count) for anomaly in found.found] == [("missing_label", 1), ("type", 1)]
    reasons = ["y: 'n/k' is no number", "the label is missing"]
    assert [bad.reason for bad in found.bad] == reasons
    assert parquet.read_table(tmp_path / "quarantine" / "rows.parquet")["_reason"].to_pylist() == reasons


def test_too_many_bad_rows_are_an_error_with_the_ways_out(anomalies, tmp_path):
    with anomalies() as found:
        found.take(batch_of(60), [problem("missing_label", "y", [2, 4], "the label is missing", unusable=True)])
        with pytest.raises(DataError) as caught:
            found.check(60, "rows")

    assert caught.value.message == (
        "2 of 60 rows cannot be used (data.csv row 3: the label is missing; data.csv row 5: the label is missing)."
    )
    assert caught.value.hint == (
        "mend or remove them, or leave them out: data.max_bad_share: 0.0334 (it is 0), or data.on_anomaly: quarantine; "
        "`estafet inspect data.csv` shows the data."
    )
    assert list(tmp_path.iterdir()) == []


def test_several_kinds_are_told_apart_in_the_error(anomalies):
    found = anomalies(max_bad_share=0.1, expected={"columns": {"a": {"type": "number", "max": 3}}})
    found.take(batch_of(60), [problem("range", "a", range(7)), problem("infinite", "b", [9])])

    with pytest.raises(DataError) as caught:
        found.check(60, "rows")

    first, *kinds = caught.value.message.splitlines()
    assert first.startswith("8 of 60 rows cannot be used (data.csv row 1: a: 0 is bad; ")
    assert first.endswith("data.csv row 5: a: 4 is bad; and 3 more).")
    rows = ", ".join(f"data.csv row {row}" for row in range(1, 6))
    assert kinds == [
        f"  7 × column 'a': outside its range ({rows}, …)",
        "  1 × column 'b': infinite (data.csv row 10)",
    ]
    for way in (
        "max_bad_share: 0.1334 (it is 0.1)",
        "on_anomaly: quarantine",
        "on_anomaly: ignore",
        "widen the schema",
    ):
        assert way in caught.value.hint


@pytest.mark.parametrize(("share", "fails"), [(0.0333, True), (2 / 60, False), (0.0334, False)])
def test_the_share_is_the_limit(anomalies, share, fails):
    found = anomalies(max_bad_share=share)
    found.take(batch_of(60), [problem("infinite", "x", [2, 4])])

    if not fails:
        return found.check(60, "rows")
    with pytest.raises(DataError):
        found.check(60, "rows")


@pytest.mark.parametrize("way", ["fail", "quarantine", "ignore"])
def test_when_nothing_is_left_it_is_an_error_whatever_is_to_become_of_anomalies(anomalies, way):
    found = anomalies(on_anomaly=way, max_bad_share=0.99)
    found.take(batch_of(3), [problem("missing_label", "y", [0, 1, 2], unusable=True)])

    with pytest.raises(DataError) as caught:
        found.check(3, "rows")

    assert caught.value.hint == "none is left; check data.label and data.source."


@pytest.mark.parametrize(
    ("kind", "column", "said"),
    [
        ("infinite", "a", "check column 'a', or put it in data.ignore: [a], or use them as far as they can be: "),
        ("time", "t", "check data.time, and write times like 2026-11-20"),
        ("type", "y", "check data.label and data.source, or use them"),
        ("category", "c", "or widen the schema that data.schema_file names."),
    ],
)
def test_when_nothing_is_left_the_hint_is_about_the_column_at_fault(anomalies, kind, column, said):
    found = anomalies(expected={"columns": {"c": {"type": "category"}}})
    found.take(batch_of(3), [problem(kind, column, [0, 1, 2])])

    with pytest.raises(DataError) as caught:
        found.check(3, "rows")

    assert said in caught.value.hint


@pytest.mark.parametrize("way", ["fail", "ignore"])
def test_a_column_with_too_few_values_ends_the_step_where_anomalies_do(anomalies, way):
    found = anomalies(on_anomaly=way)
    first = (BadExample(where="all rows", reason="50.00% of the values are missing, and at most 5.00% may be"),)
    found.of_columns([Anomaly(column="x", kind="missing", count=30, first=first)])

    assert found.found[0].count == 30
    if way == "ignore":
        return found.check(60, "rows")
    with pytest.raises(DataError, match=r"column 'x': 50.00% of the values are missing") as caught:
        found.check(60, "rows")
    assert "max_missing_share" in caught.value.hint


def test_the_quarantine_has_rows_lines_and_images_with_their_reasons(anomalies, tmp_path):
    line = BadLine("ragged", "data.csv row 3", "2 fields instead of 3", 'a,"b')
    with anomalies(on_anomaly="quarantine") as found:
        found.take(batch_of(3, lines=(line,)), [problem("range", "x", [1])])
        found.take(batch_of(3, start=4), [problem("range", "x", [0, 2])])
        found.example("dog/torn.png", "undecodable", "it is no PNG", content=b"abc", file_name="dog/torn.png")
        found.example("up.png", "undecodable", "it is no PNG", content=b"def", file_name="../../up.png")
        found.example("gone.png", "missing_file", "it is not there")

    folder = tmp_path / "quarantine"
    assert parquet.read_table(folder / "rows.parquet").to_pydict() == {
        "x": [1, 0, 2],
        "_where": [f"data.csv row {row}" for row in (2, 4, 6)],
        "_reason": ["x: 0 is bad", "x: 0 is bad", "x: 1 is bad"],
    }
    with (folder / "lines.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file))[1:] == [["data.csv row 3", "2 fields instead of 3", 'a,"b']]
    with (folder / "examples.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["_where"], row["_kind"], row["_reason"]) for row in rows] == [
        ("dog/torn.png", "undecodable", "it is no PNG"),
        ("up.png", "undecodable", "it is no PNG"),
        ("gone.png", "missing_file", "it is not there"),
    ]
    assert [(folder / row["file"]).read_bytes() for row in rows[:2]] == [b"abc", b"def"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["quarantine"]
    assert (found.num_left_out, len(list((folder / "images").iterdir()))) == (7, 2)


def test_what_is_read_again_is_not_counted_twice(anomalies, tmp_path):
    with anomalies(on_anomaly="quarantine") as found:
        found.take(batch_of(3), [problem("range", "x", [1])])
        found.clear()
        found.take(batch_of(3), [problem("range", "x", [2])])

    assert (found.num_left_out, found.found[0].count) == (1, 1)
    assert parquet.read_table(tmp_path / "quarantine" / "rows.parquet")["x"].to_pylist() == [2]


def test_where_nothing_is_bad_nothing_is_made(anomalies, tmp_path):
    with anomalies(on_anomaly="quarantine") as found:
        assert found.take(batch_of(3)).all()
        found.check(3, "rows")

    assert found.found == ()
    assert list(tmp_path.iterdir()) == []


def test_of_very_many_bad_rows_the_later_ones_are_explained_in_general(anomalies, tmp_path, monkeypatch):
    """Their values are there to be looked at; and writing them must not take longer than reading them."""
    monkeypatch.setattr(module, "NUM_EXPLAINED", 2)
    monkeypatch.setattr(module, "NUM_NAMED", 2)
    with anomalies(on_anomaly="quarantine") as found:
        for start in (1, 4, 7):
            found.take(batch_of(3, start), [problem("range", "x", [0, 2])])

    reasons = parquet.read_table(tmp_path / "quarantine" / "rows.parquet")["_reason"].to_pylist()
    assert reasons[:2] == ["x: 0 is bad", "x: 1 is bad"]
    assert reasons[4:] == ["x: outside its range"] * 2
    assert (len(found.bad), found.num_left_out) == (2, 6)
