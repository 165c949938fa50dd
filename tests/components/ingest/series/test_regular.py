"""Steps are evenly spaced: what is missing is found and filled, averaged, or refused."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from estafet.errors import ConfigError, DataError


def without(values, *gone):
    return [value for i, value in enumerate(values) if i not in gone]


def test_missing_steps_are_filled_with_the_value_before_and_counted(write, hours):
    columns = {"t": without(hours(40), 5, 6, 20), "x": without(range(40), 5, 6, 20)}

    result = write(columns, gaps="fill", max_bad_share=0.1)

    assert result.values("train")[3:8] == [3, 4, 4, 4, 7]
    assert result.times("train")[4:7] == ["2026-01-01T04:00:00", "2026-01-01T05:00:00", "2026-01-01T06:00:00"]
    (found,) = result.anomalies.found
    assert (found.kind, found.column, found.count) == ("gap", "t", 3)
    assert found.first[0].where == "2026-01-01 05:00:00"
    assert result.anomalies.num_left_out == 0


def test_the_first_gap_is_named_where_gaps_are_refused(write, hours):
    columns = {"t": without(hours(40), 5, 6, 20), "x": without(range(40), 5, 6, 20)}

    with pytest.raises(DataError, match=r"steps are missing, 3 in all, the first being 2026-01-01 05:00:00") as caught:
        write(columns)
    assert "data.gaps: fill" in caught.value.hint


def test_rows_of_one_step_are_averaged(write, hours):
    """Four quarters of an hour make an hour: 0 to 3 have the mean 1.5; an hour without rows gets the one before."""
    quarters = hours(160, step_h=0.25)
    gone = range(20, 24)
    columns = {"t": without(quarters, *gone), "x": without(range(160), *gone)}

    result = write(columns, gaps="resample", frequency="h")

    assert result.values("train")[:7] == [1.5, 5.5, 9.5, 13.5, 17.5, 17.5, 25.5]
    assert result.anomalies.found[0].count == 1
    assert result.anomalies.found[0].first[0].where == "2026-01-01 05:00:00"


def test_averaging_takes_times_that_occur_twice_and_missing_values(write, hours):
    columns = {"t": sorted(hours(40) * 3), "x": [1.0, 3.0, None] * 40}

    assert set(write(columns, gaps="resample", frequency="h").values("train")) == {2.0}


def test_averaging_by_calendar_months(write):
    """January 2026 has 31 days, of the numbers 0 to 30; February 28, of 31 to 58."""
    days = np.arange("2026-01-01", "2028-01-01", dtype="datetime64[D]")
    result = write({"t": days.astype(str), "x": range(len(days))}, gaps="resample", frequency="MS")

    assert result.values("train")[:2] == [15, 44.5]
    assert result.times("train")[:2] == ["2026-01-01T00:00:00", "2026-02-01T00:00:00"]


def test_averaging_needs_a_frequency(write, hours):
    with pytest.raises(ConfigError, match=r"resample needs data\.frequency"):
        write({"t": hours(40), "x": range(40)}, gaps="resample")


@pytest.mark.parametrize("channel", ["x", "z"])
def test_a_missing_value_is_carried_forward(write, hours, channel):
    values = [float(i) for i in range(40)]
    columns = {"t": hours(40), "x": list(values), "z": list(values)}
    columns[channel][4] = None

    result = write(columns, gaps="fill", max_bad_share=0.1)

    assert result.values("train", 0 if channel == "x" else 1)[3:6] == [3, 3, 5]
    assert result.anomalies.num_left_out == (1 if channel == "x" else 0)


def test_steps_before_the_first_value_are_dropped(write, hours):
    result = write({"t": hours(40), "x": [None, None, *range(2, 40)]}, gaps="fill", max_bad_share=0.1)

    assert result.values("train")[0] == 2


def test_a_row_with_an_anomaly_keeps_its_step(write, hours):
    """The row of an infinite value is not left out, which would make a second gap of it."""
    columns = {"t": hours(40), "x": [float("inf") if i == 4 else float(i) for i in range(40)]}

    result = write(columns, gaps="fill", max_bad_share=0.1)

    assert result.values("train")[3:6] == [3, 3, 5]
    assert result.anomalies.num_left_out == 1


CALENDARS = {
    "months": ["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"],
    "middle of months": ["2026-01-15", "2026-02-15", "2026-03-15", "2026-04-15"],
    "month ends": ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"],
    "quarters": ["2026-01-01", "2026-04-01", "2026-07-01", "2026-10-01"],
    "years": ["2023-01-01", "2024-01-01", "2025-01-01", "2026-01-01"],
    "weeks": ["2026-01-03", "2026-01-10", "2026-01-17", "2026-01-24"],
    "working days": ["2026-01-01", "2026-01-02", "2026-01-05", "2026-01-06"],
}
FREQUENCIES = dict(zip(CALENDARS, ["MS", None, "ME", "QS", "YS", "W-SAT", "B"], strict=True))


@pytest.mark.parametrize("name", CALENDARS)
def test_steps_of_the_calendar_are_told_from_the_times(write, name):
    """The sequence goes on as pandas goes on with it, and the one step that is missing is found."""
    days = [np.datetime64(day) for day in CALENDARS[name]]
    if name == "middle of months":
        days = [np.datetime64(f"{2026 + i // 12}-{1 + i % 12:02d}-15") for i in range(40)]
    else:
        days = [np.datetime64(day, "D") for day in pd.date_range(days[0], periods=40, freq=FREQUENCIES[name])]
    assert [str(day) for day in days[:4]] == CALENDARS[name]

    result = write(
        {"t": [str(day) for day in without(days, 2)], "x": without(range(40), 2)}, gaps="fill", max_bad_share=0.1
    )

    assert result.values("train")[:4] == [0, 1, 1, 3]
    assert result.all_times() == [f"{day}T00:00:00" for day in days]


@pytest.mark.parametrize(("frequency", "num_missing"), [("D", 39 * 6), ("W-THU", 0), ("W", None), ("h", None)])
def test_the_run_file_names_the_frequency(write, frequency, num_missing):
    """Forty Thursdays are regular weeks, or days of which six of seven are missing; they are no Sundays."""
    days = [str(np.datetime64("2026-01-01") + 7 * i) for i in range(40)]
    columns = {"t": days, "x": range(40)}

    if num_missing is None:
        with pytest.raises(DataError, match=r"on no step of data\.frequency: W|6,513 in all"):
            write(columns, frequency=frequency)
    else:
        found = write(columns, frequency=frequency, gaps="fill").anomalies.found
        assert sum(anomaly.count for anomaly in found) == num_missing


def test_an_unknown_frequency(write, hours):
    with pytest.raises(ConfigError, match=r"data\.frequency: .*fortnight") as caught:
        write({"t": hours(40), "x": range(40)}, frequency="fortnight")
    assert "15min" in caught.value.hint


def test_times_that_are_not_evenly_spaced(write, hours):
    times = hours(40)
    times[20] = "2026-01-01T20:17"

    with pytest.raises(DataError, match=r"data.csv row 21: the time 2026-01-01 20:17:00 does not go on in steps of "
        "1 hour, as most do, from 2026-01-01 19:00:00") as caught:  # fmt: skip
        write({"t": times, "x": range(40)})
    assert "data.gaps: resample" in caught.value.hint


def test_a_frequency_far_too_high(write):
    days = [str(np.datetime64("2026-01-01") + i) for i in range(40)]

    with pytest.raises(DataError, match=r"40 rows would become 3,369,601 steps of 1 second"):
        write({"t": days, "x": range(40)}, frequency="s")


def test_whole_numbers_are_steps_too(write):
    columns = {"t": pa.array([10 * i for i in range(40) if i != 7]), "x": without(range(40), 7)}

    result = write(columns, gaps="fill", max_bad_share=0.1)

    assert result.numbers("train")[6:9] == [60, 70, 80]
    assert result.values("train")[6:9] == [6, 6, 8]
    assert result.anomalies.found[0].first[0].where == "70"


def test_whole_numbers_may_be_seconds_since_1970(write):
    columns = {"t": [1_767_225_600 + 3600 * i for i in range(40)], "x": range(40)}

    assert write(columns, frequency="h").times("train")[1] == "2026-01-01T01:00:00"
    with pytest.raises(ConfigError, match="whole numbers from 0 to 39, which are no seconds since 1970"):
        write({"t": range(40), "x": range(40)}, calendar=["hour"])


def test_steps_may_be_fractions_of_a_second(write):
    """Ten a second; a record's time is in seconds, and what is shared is told by more than that."""
    times = [str(np.datetime64("2026-01-01T00:00:00.350", "ms") + 100 * i) for i in range(40) if i != 3]

    result = write({"t": times, "x": without(range(40), 3)}, gaps="fill", max_bad_share=0.1)

    assert result.values("train")[:5] == [0, 1, 2, 2, 4]
    assert result.times("train")[5:9] == ["2026-01-01T00:00:00"] * 2 + ["2026-01-01T00:00:01"] * 2
    assert result.written.overlap.windows == 0


def test_a_channel_of_words(write, hours):
    with pytest.raises(DataError, match="column 'shop' holds words") as caught:
        write({"t": hours(40), "x": range(40), "shop": ["a"] * 40})
    assert "data.series_by" in caught.value.hint


def test_a_channel_without_a_number(write, hours):
    with pytest.raises(DataError, match="the channel 'z' holds no number"):
        write({"t": hours(40), "x": range(40), "z": pa.nulls(40, pa.float64())})


def test_a_row_without_its_series(write, hours):
    columns = {"t": hours(40), "x": range(40), "shop": ["a"] * 39 + [None]}

    with pytest.raises(DataError, match=r"data.csv row 40: .*its series is missing"):
        write(columns, series_by="shop")
    assert write(columns, series_by="shop", gaps="fill", max_bad_share=0.1).values("test")[-1] == 38


def test_each_series_has_its_own_gaps(write, hours):
    columns = {
        "t": without(hours(40), 5) + hours(40, "2026-03-01T00:30"),
        "shop": ["a"] * 39 + ["b"] * 40,
        "x": range(79),
    }

    result = write(columns, series_by="shop", gaps="fill", max_bad_share=0.1)

    assert result.anomalies.found[0].first[0].where == "a 2026-01-01 05:00:00"
    assert [segment.num_steps for segment in result.written.splits["train"].segments] == [30, 30]
