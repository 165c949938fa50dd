"""Times in every form that people write, as seconds since 1970."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from components.ingest.times import TimeReader, seconds
from estafet.errors import DataError


def where(row):
    return f"data.csv row {row + 1}"


def read(values, kind=None):
    found = seconds(pa.array(values, kind), "t", where)
    assert found.dtype == np.int64
    return [str(np.datetime64(int(second), "s")) for second in found]


def refused(values):
    with pytest.raises(DataError) as caught:
        seconds(pa.array(values), "t", where)
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20", "2026-11-20T00:00:00"),
        (" 2026-11-20 ", "2026-11-20T00:00:00"),
        ("2026-11", "2026-11-01T00:00:00"),
        ("2026/11/20", "2026-11-20T00:00:00"),
        ("2026-11-20 08:30", "2026-11-20T08:30:00"),
        ("2026-11-20T08:30:15", "2026-11-20T08:30:15"),
        ("2026-11-20T08:30:15.987654", "2026-11-20T08:30:15"),
        ("2026-11-20T08:30:15.987654321", "2026-11-20T08:30:15"),
        ("2026-11-20T08:30Z", "2026-11-20T08:30:00"),
        ("2026-11-20T08:30:00+02:00", "2026-11-20T06:30:00"),
        ("2026-11-20 08:30:00-0530", "2026-11-20T14:00:00"),
        ("31/12/2026", "2026-12-31T00:00:00"),
        ("12/31/2026", "2026-12-31T00:00:00"),
        ("31.12.2026 9:05", "2026-12-31T09:05:00"),
        ("1969-12-31T23:59:59.5", "1969-12-31T23:59:59"),
        ("1600-02-29", "1600-02-29T00:00:00"),
    ],
)
def test_text(text, expected):
    assert read([text]) == [expected]


def test_several_iso_forms_in_one_column():
    assert read(["2026-11-20", "2026-11-20T08:00", "20261121", "2026-12"]) == [
        "2026-11-20T00:00:00",
        "2026-11-20T08:00:00",
        "2026-11-21T00:00:00",
        "2026-12-01T00:00:00",
    ]


def test_one_value_tells_for_the_whole_column_that_days_come_first():
    assert read(["01/02/2026", "31/12/2026", "3/4/2026"]) == [
        "2026-02-01T00:00:00",
        "2026-12-31T00:00:00",
        "2026-04-03T00:00:00",
    ]


def test_dates_that_may_be_meant_in_two_ways_are_refused():
    error = refused(["01/02/2026", "03/04/2026"])

    assert "'01/02/2026' (data.csv row 1), may be meant as day/month or as month/day" in error.message
    assert "2026-11-20" in error.hint


@pytest.mark.parametrize(
    ("values", "row", "text"),
    [
        (["31/12/2026", "12/31/2026"], 2, "12/31/2026"),
        (["2026-11-20", "2026-11-21", "22/11/2026"], 3, "22/11/2026"),
        (["22/11/2026", "2026-11-20"], 2, "2026-11-20"),
    ],
)
def test_several_forms_in_one_column_are_refused(values, row, text):
    assert f"data.csv row {row}: the time '{text}' in column 't' is in another form" in refused(values).message


def test_the_form_may_show_in_a_later_batch():
    reader = TimeReader("t")
    for values in ([None, ""], ["01/02/2026"], ["13/02/2026", "x"], ["02/03/2026"]):
        bad = reader.add(pa.array(values, pa.string()), where)
        assert bad.tolist() == ([1] if "x" in values else [])

    times, kind = reader.finish()

    days = times // 86_400_000_000
    assert kind == "local"
    assert [str(np.datetime64(int(days[i]), "D")) for i in (2, 3, 5)] == ["2026-02-01", "2026-02-13", "2026-03-02"]


def test_another_form_in_a_later_batch_names_the_first():
    reader = TimeReader("t")
    reader.add(pa.array(["2026-02-01"]), where)

    with pytest.raises(DataError, match=r"'13/02/2026' in column 't' is in another form than '2026-02-01'"):
        reader.add(pa.array(["13/02/2026"]), where)


def test_some_with_a_zone_and_some_without():
    assert "'2026-11-20T09:00' in column 't' names no time zone, and '2026-11-20T08:00Z'" in (
        refused(["2026-11-20T08:00Z", "2026-11-20T09:00"]).message
    )


@pytest.mark.parametrize(
    "text", ["yesterday", "now", "NaT", "2026-13-01", "2026-02-30", "31/31/2026", "1.5", "123", "31/12/26"]
)
def test_what_is_no_time(text):
    assert f"data.csv row 2: {text!r} in column 't' is no time" in refused(["2026-11-20", text]).message


def test_a_missing_time():
    assert "missing in 2 rows, the first being data.csv row 2" in refused(["2026-11-20", None, None]).message


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps(unit):
    moment = datetime.datetime(2026, 11, 20, 8, 30, 15)

    assert read([moment], pa.timestamp(unit)) == ["2026-11-20T08:30:15"]
    assert read([moment.replace(tzinfo=datetime.UTC)], pa.timestamp(unit, "Europe/Berlin")) == ["2026-11-20T08:30:15"]


def test_dates_and_dictionaries():
    assert read([datetime.date(2026, 11, 20)]) == ["2026-11-20T00:00:00"]
    words = pa.array(["2026-11-20", "2026-11-21"] * 2).dictionary_encode()
    assert seconds(words, "t", where).tolist() == [1_795_132_800, 1_795_219_200] * 2


@pytest.mark.parametrize("kind", [pa.int32(), pa.int64(), pa.float64(), pa.uint8()])
def test_whole_numbers_stay_as_they_are(kind):
    assert seconds(pa.chunked_array([pa.array([3, 1], kind), pa.array([2], kind)]), "t", where).tolist() == [3, 1, 2]


def test_a_column_of_something_else():
    assert "is a column of bool" in refused([True]).message
