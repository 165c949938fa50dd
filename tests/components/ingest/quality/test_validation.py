"""What is wrong with rows is found by column, kind and row, in the columns that are used and in no other."""

from __future__ import annotations

import datetime
import math

import numpy as np
import pyarrow as pa
import pytest

from components.ingest.batches import Batch, Problem
from components.ingest.quality.profile import TableProfile
from components.ingest.quality.validation import Validator
from estafet.errors import DataError
from estafet.source_schema import SourceSchema


@pytest.fixture
def validate(settings):
    """Return a function that validates some columns, and lists what it finds: kind, column, rows, reasons."""

    def run(columns, expected=None, problems=(), **values):
        made = settings("tabular_classification", "data.csv", **{"label": "y", **values})
        schema = SourceSchema(columns=expected) if expected else None
        batch = Batch(pa.record_batch(columns), "data.csv", problems=problems)
        found = Validator(made, schema).problems(batch)
        return [(p.kind, p.column, p.rows.tolist(), [p.reason(i) for i in range(len(p.rows))]) for p in found]

    return run


X = [0.0, math.inf, math.nan, -math.inf, 1e39]


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32()], ids=str)
def test_infinite_features_are_found_without_a_schema(validate, kind):
    values = pa.array([*X[:4], None], pa.float64()).cast(kind)

    assert validate({"x": values}) == [
        ("infinite", "x", [1, 3], ["inf is no finite number", "-inf is no finite number"])
    ]


def test_a_number_that_becomes_infinite_in_a_record_is_infinite(validate):
    assert validate({"x": X})[0][2:] == (
        [1, 3, 4],
        ["inf is no finite number", "-inf is no finite number", "1e+39 is too large for a 32-bit float"],
    )


def test_what_lies_below_a_null_is_not_looked_at(validate):
    values = pa.array(np.array(X), mask=np.array([False, True, True, True, True]))

    assert validate({"x": values}) == []


@pytest.mark.parametrize(
    "values",
    [{"ignore": ["x"]}, {"features": ["z"]}, {"label": "x"}, {"time": "x"}, {"split": {"group_by": "x"}}],
    ids=str,
)
def test_columns_that_are_no_features_may_be_infinite(validate, values):
    assert validate({"x": X, "z": [1.0] * 5}, **values) == []


def test_a_range_holds_at_its_ends(validate):
    found = validate(
        {"x": [1.0, 0.5, 2.0, 2.5, math.nan], "n": pa.array([3, 4, None, 9, 2])},
        {"x": {"type": "number", "min": 1, "max": 2}, "n": {"type": "integer", "min": 3, "max": 8}},
    )

    assert found == [
        ("range", "x", [1], ["0.5 is below 1"]),
        ("range", "x", [3], ["2.5 is above 2"]),
        ("range", "n", [4], ["2 is below 3"]),
        ("range", "n", [3], ["9 is above 8"]),
    ]


def test_an_infinite_number_is_not_outside_its_range_as_well(validate):
    found = validate({"x": [1.0, math.inf, 3.0]}, {"x": {"type": "number", "max": 2}})

    assert [(kind, rows) for kind, _, rows, _ in found] == [("infinite", [1]), ("range", [2])]


def test_a_range_that_was_seen_in_float32_holds_for_float32(validate):
    values = pa.array(np.random.default_rng(0).normal(size=1000).astype(np.float32))
    profile = TableProfile()
    profile.add(pa.record_batch({"x": values}))

    assert validate({"x": values}, profile.source_schema().columns) == []


def test_fractions_among_integers_and_numbers_among_truth_values(validate):
    found = validate(
        {"n": [1.0, math.nan, 2.5], "b": [0, 3, 1]},
        {"n": {"type": "integer"}, "b": {"type": "boolean"}},
    )

    assert found == [("type", "n", [2], ["2.5 is no whole number"]), ("type", "b", [1], ["3 is not 0 or 1"])]


@pytest.mark.parametrize("encode", [lambda a: a, lambda a: a.dictionary_encode(), lambda a: a.cast(pa.large_string())])
def test_words_that_are_none_of_the_categories(validate, encode):
    found = validate(
        {"w": encode(pa.array(["a", None, "", "c", "b"]))}, {"w": {"type": "category", "categories": ["a", "b"]}}
    )

    assert found == [("category", "w", [3], ["'c' is not one of 'a', 'b'"])]


def test_numbers_may_be_categories(validate):
    found = validate({"w": pa.array([1, None, 3])}, {"w": {"type": "category", "categories": ["1", "2"]}})

    assert found == [("category", "w", [2], ["'3' is not one of '1', '2'"])]


def test_one_of_many_categories_is_answered_with_the_closest(validate):
    categories = ["married", "single", "widowed", "divorced", "alone", "other"]

    found = validate({"w": ["maried"]}, {"w": {"type": "category", "categories": categories}})

    assert found[0][3] == ["'maried' is not one of the 6 categories; did you mean 'married'?"]


def test_values_that_must_be_there_and_that_nobody_has_reported(validate):
    """A value that the reader could not read is null as well, and counts once; labels are somebody else's."""
    unread = Problem("type", "x", np.array([3]), lambda i: "'abc' is no number")
    required = {"max_missing_share": 0}

    found = validate(
        {"x": pa.array([1.0, None, math.nan, None]), "w": ["", "a", None, "b"], "y": [None, "n", "n", "n"]},
        {"x": {"type": "number", **required}, "w": {"type": "text", **required}, "y": {"type": "text", **required}},
        problems=(unread,),
    )

    assert [(kind, name, rows) for kind, name, rows, _ in found] == [
        ("missing", "x", [1, 2]),
        ("missing", "w", [0, 2]),
    ]


def test_an_empty_batch_has_no_problems(validate):
    assert validate({"x": pa.array([], pa.float64())}, {"x": {"type": "number", "min": 0}}) == []


@pytest.fixture
def validator(settings):
    def make(expected, **values):
        made = settings("tabular_classification", "data.csv", **{"label": "y", **values})
        return Validator(made, SourceSchema(columns=expected))

    return make


def test_missing_columns_are_named_with_the_closest(validator):
    checks = validator({"age": {"type": "integer"}, "y": {"type": "category"}, "sex": {"type": "category"}})

    with pytest.raises(DataError) as caught:
        checks.check_columns(pa.schema({"agee": pa.int64(), "y": pa.string()}))

    assert caught.value.message.startswith("the data lack 2 columns, 'age', 'sex', which the schema")
    assert caught.value.hint == "for 'age': did you mean 'agee'?"


def test_columns_that_are_not_used_need_not_be_there_and_new_ones_are_returned(validator):
    checks = validator({"age": {"type": "integer"}, "id": {"type": "integer"}}, ignore=["id", "note"])

    assert checks.check_columns(pa.schema({"age": pa.int64(), "new": pa.string(), "note": pa.string()})) == ("new",)


def test_used_are_features_label_time_and_what_tells_groups_apart(settings):
    made = settings("tabular_classification", "d", label="y", time="t", features=["a"], split={"group_by": "g"})
    columns = pa.record_batch({name: [1] for name in "gatyz"})

    assert Validator(made).used(columns).schema.names == ["g", "a", "t", "y"]


@pytest.mark.parametrize(
    ("kind", "type_", "fits"),
    [
        (pa.string(), "integer", False),
        (pa.string(), "category", True),
        (pa.dictionary(pa.int32(), pa.string()), "text", True),
        (pa.float64(), "integer", True),
        (pa.float64(), "category", False),
        (pa.int64(), "category", True),
        (pa.int64(), "time", True),
        (pa.timestamp("us"), "time", True),
        (pa.timestamp("us"), "number", False),
        (pa.bool_(), "boolean", True),
        (pa.bool_(), "time", False),
        (pa.null(), "category", True),
        (pa.list_(pa.int64()), "other", True),
        (pa.list_(pa.int64()), "number", False),
    ],
    ids=str,
)
def test_which_columns_fit_which_type(validator, kind, type_, fits):
    checks = validator({"x": {"type": type_}})

    if fits:
        assert checks.check_columns(pa.schema({"x": kind})) == ()
        return
    with pytest.raises(DataError, match=f"the column 'x' holds .* of type {type_}") as caught:
        checks.check_columns(pa.schema({"x": kind}))
    assert "set its type in the schema" in caught.value.hint


def test_too_many_missing_values_are_a_fault_of_the_column(validator):
    profile = TableProfile()
    profile.add(pa.record_batch({"x": pa.array([1.0, None, math.nan, 2.0]), "z": pa.array([1, None, 3, 4])}))
    limits = {name: {"type": "number", "max_missing_share": share} for name, share in (("x", 0.4), ("z", 0.25))}

    (found,) = validator(limits).after(profile)

    assert (found.column, found.kind, found.count) == ("x", "missing", 2)
    assert found.first[0].reason == "50.00% of the values are missing, and at most 40.00% may be"


def test_data_keep_to_the_schema_that_was_inferred_from_them(validate, validator):
    """Whatever the columns, what was seen is allowed."""
    columns = {
        "x": pa.array([0.1, None, 7.77777777, -3.3333333333]),
        "n": pa.array([1, 2**53 + 1, None, 4]),
        "whole": pa.array([1.0, 2.0, None, 5.0]),
        "b": pa.array([True, None, False, True]),
        "w": pa.array(["a", "a", None, ""]),
        "t": pa.array(["a", "b", "c", "d"]),
        "day": pa.array([datetime.date(2026, 1, 1)] * 4),
        "void": pa.nulls(4),
        "lists": pa.array([[1], [2], None, []]),
        "y": pa.array([0, 1, 0, 1]),
    }
    batch, profile = pa.record_batch(columns), TableProfile()
    profile.add(batch)
    schema = profile.source_schema(time="day")
    pinned = validator(schema.columns, time="day")

    assert validate(columns, schema.columns, time="day") == []
    assert pinned.check_columns(batch.schema) == ()
    assert pinned.after(profile) == []
