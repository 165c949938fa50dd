"""Times with and without time zones, the two nights on which clocks are changed, and times that occur twice."""

import numpy as np
import pytest

from components.ingest.series.zones import to_local, to_utc
from estafet.errors import ConfigError, DataError


def local(*times):
    return np.array(times, "datetime64[us]").astype(np.int64)


def as_text(times):
    return [str(time) for time in times.view("datetime64[us]").astype("datetime64[m]")]


def test_summer_time_in_berlin_begins_and_ends():
    """On 29 March 2026 the clock goes from 2 to 3, on 25 October from 3 back to 2; winter is UTC+1, summer UTC+2."""
    utc, is_none = to_utc(local("2026-03-29T01:30", "2026-03-29T03:00", "2026-10-25T01:30"), "Europe/Berlin")

    assert as_text(utc) == ["2026-03-29T00:30", "2026-03-29T01:00", "2026-10-24T23:30"]
    assert not is_none.any()


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_hour_that_occurs_twice_is_told_apart_by_the_order(newest_first):
    times = local(*(f"2026-10-25T{time}" for time in ("01:30", "02:00", "02:30", "02:00", "02:30", "03:00")))

    utc, _ = to_utc(times[::-1] if newest_first else times, "Europe/Berlin")

    expected = ["2026-10-24T23:30", *(f"2026-10-25T{time}" for time in ("00:00", "00:30", "01:00", "01:30", "02:00"))]
    assert as_text(utc) == (expected[::-1] if newest_first else expected)


def test_an_hour_that_occurs_once_is_the_first_one():
    utc, _ = to_utc(local("2025-10-26T02:30", "2026-10-25T02:30"), "Europe/Berlin")

    assert as_text(utc) == ["2025-10-26T00:30", "2026-10-25T00:30"]


def test_the_second_hour_of_each_year_is_told_apart():
    night = ("02:00", "02:00", "03:00")

    utc, _ = to_utc(
        local(*(f"{day}T{time}" for day in ("2025-10-26", "2026-10-25") for time in night)), "Europe/Berlin"
    )

    times = ("00:00", "01:00", "02:00")
    assert as_text(utc) == [f"{day}T{time}" for day in ("2025-10-26", "2026-10-25") for time in times]


def test_there_and_back():
    utc = np.arange(local("2026-01-01")[0], local("2027-01-01")[0], 1_800_000_000)

    back, is_none = to_utc(to_local(utc, "America/New_York"), "America/New_York")

    np.testing.assert_array_equal(back, utc)
    assert not is_none.any()


def test_a_night_of_24_local_hours_and_one(write):
    """Local hours of the night in which clocks are put back: with the zone, one series without a gap."""
    times = as_text(to_local(np.arange(*local("2026-10-23T22:00", "2026-10-26T01:00"), 3_600_000_000), "Europe/Berlin"))
    assert times.count("2026-10-25T02:00") == 2

    result = write({"t": times, "x": range(51)}, timezone="Europe/Berlin")

    assert sorted(result.by_time().items()) == [
        (str(np.datetime64("2026-10-23T22:00:00") + np.timedelta64(i, "h")), i) for i in range(51)
    ]
    assert result.anomalies.found == ()


def test_without_the_zone_the_hour_that_occurs_twice_has_its_hint(write):
    times = as_text(to_local(np.arange(*local("2026-10-23T22:00", "2026-10-26T01:00"), 3_600_000_000), "Europe/Berlin"))

    with pytest.raises(DataError, match=r"twice: 2026-10-25 02:00:00 \(data.csv row 27 and data.csv row 28\)\.\n") as e:
        write({"t": times, "x": range(51)})
    assert "set data.timezone" in e.value.hint


def test_an_hour_that_occurs_twice_in_disorder_cannot_be_told_apart(write):
    times = as_text(to_local(np.arange(*local("2026-10-23T22:00", "2026-10-26T01:00"), 3_600_000_000), "Europe/Berlin"))

    with pytest.raises(DataError, match="twice: 2026-10-25 02:00:00") as caught:
        write({"t": [*times[:27], *times[28:], times[27]], "x": range(51)}, timezone="Europe/Berlin")
    assert "bring them in the order of time" in caught.value.hint


def test_without_the_zone_the_hour_that_is_left_out_has_its_hint(write):
    times = as_text(to_local(np.arange(*local("2026-03-27T23:00", "2026-03-30T01:00"), 3_600_000_000), "Europe/Berlin"))

    with pytest.raises(DataError, match="1 in all, the first being 2026-03-29 02:00:00") as caught:
        write({"t": times, "x": range(50)})
    assert "set data.timezone, such as Europe/Berlin; else set data.gaps" in caught.value.hint


def test_a_local_time_that_does_not_exist(write):
    times = [f"2026-03-29T{hour:02d}:00" for hour in range(24)]

    with pytest.raises(
        DataError, match=r"data.csv row 3: the time 2026-03-29 02:00:00 does not exist in Europe/Berlin"
    ):
        write({"t": times, "x": range(24)}, timezone="Europe/Berlin")


def test_days_of_local_time_have_23_24_or_25_hours(write):
    """Midnights in Berlin are evenly spaced on the wall, not in UTC; the one that is missing is filled in."""
    days = np.arange("2026-03-01", "2026-04-30", dtype="datetime64[D]")
    kept = np.delete(np.arange(60), 40)

    result = write({"t": days[kept].astype(str), "x": kept}, timezone="Europe/Berlin", gaps="fill")

    assert result.times("train")[27:30] == ["2026-03-27T23:00:00", "2026-03-28T23:00:00", "2026-03-29T22:00:00"]
    assert result.times("train")[40] == "2026-04-09T22:00:00"
    assert result.values("train")[39:42] == [39, 39, 41]


def test_offsets_count(write):
    """With an hour's offset changed in between, the hours go on in UTC."""
    times = [f"2026-03-29T{hour:02d}:00+01:00" for hour in range(2)]
    times += [f"2026-03-29T{hour:02d}:00+02:00" for hour in range(3, 24)]

    result = write({"t": times, "x": range(23)})

    assert result.times("train")[:3] == ["2026-03-28T23:00:00", "2026-03-29T00:00:00", "2026-03-29T01:00:00"]


def test_an_unknown_time_zone(write, hours):
    with pytest.raises(ConfigError, match="no time zone 'Europe/Berln'"):
        write({"t": hours(40), "x": range(40)}, timezone="Europe/Berln")


def test_a_time_that_occurs_twice_names_both_rows(write, hours):
    times = hours(40)
    times[30] = times[4]

    with pytest.raises(DataError, match=r"times in column 't' occur twice: 2026-01-01 04:00:00 "
        r"\(data.csv row 5 and data.csv row 31\)") as caught:  # fmt: skip
        write({"t": times, "x": range(40)})
    assert "data.series_by" in caught.value.hint
    assert "data.gaps: resample" in caught.value.hint


def test_a_time_that_occurs_twice_in_one_of_several_series(write, hours):
    times = hours(20) + hours(20)
    times[25] = times[24]

    with pytest.raises(DataError, match="of the series 'b' occur twice"):
        write({"t": times, "x": range(40), "shop": ["a"] * 20 + ["b"] * 20}, series_by="shop")


def test_a_row_without_a_time_is_left_out_where_that_is_allowed(write, hours):
    times = hours(40)
    times[39], times[38] = "soon", ""

    with pytest.raises(DataError, match="'soon' in column 't' is no time that can be read"):
        write({"t": times, "x": range(40)})
    assert write({"t": times, "x": range(40)}, max_bad_share=0.1).values("test")[-1] == 37
