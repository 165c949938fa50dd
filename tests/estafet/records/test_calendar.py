"""Where a time stands in its day, week, month and year: as Python's own calendar says, in NumPy and in TensorFlow."""

import calendar as python_calendar
import datetime

import numpy as np
import pytest
import tensorflow as tf

from estafet.records import calendar

NAMES = ("hour", "weekday", "day", "month")
EPOCH = datetime.datetime(1970, 1, 1)


def seconds(*texts):
    return np.array(texts, "datetime64[s]").astype(np.int64)


def test_the_cycle_begins_and_its_quarter_is_a_sine_of_one():
    """Midnight and 6 o'clock, Mondays, the first of a month, January and April."""
    times = seconds("2024-01-01T00:00", "2024-04-01T06:00")

    np.testing.assert_allclose(calendar.features(times, ("hour",)), [[0, 1], [1, 0]], atol=1e-7)
    np.testing.assert_allclose(calendar.features(times, ("weekday",)), [[0, 1], [0, 1]], atol=1e-7)
    np.testing.assert_allclose(calendar.features(times, ("day",)), [[0, 1], [0, 1]], atol=1e-7)
    np.testing.assert_allclose(calendar.features(times, ("month",)), [[0, 1], [1, 0]], atol=1e-7)


def test_each_day_of_a_whole_era_is_that_of_pythons_calendar():
    """An era of the Gregorian calendar has 400 years; leap years, centuries and all."""
    days = np.arange(seconds("1600-01-01")[0] // 86_400, seconds("2001-01-01")[0] // 86_400)
    dates = [EPOCH + datetime.timedelta(days=int(day)) for day in days]

    months, days_of_month = calendar.month_and_day(days)

    assert months.tolist() == [date.month for date in dates]
    assert days_of_month.tolist() == [date.day for date in dates]


@pytest.mark.parametrize("text", ["2026-11-20T08:30:15", "2024-02-29T23:59:59", "1969-12-31T23:59:58", "1899-03-01"])
def test_all_four(text):
    (moment,) = np.array([text], "datetime64[s]").astype(object)
    weekday = python_calendar.weekday(moment.year, moment.month, moment.day)
    of_day = datetime.timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second) / datetime.timedelta(1)
    shares = (of_day, weekday / 7, (moment.day - 1) / 31, (moment.month - 1) / 12)

    found = calendar.features(seconds(text), NAMES)

    expected = [wave(2 * np.pi * share) for share in shares for wave in (np.sin, np.cos)]
    assert (found.shape, found.dtype) == ((1, 8), np.float32)
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


def test_tensorflow_gives_the_same_eagerly_and_in_a_data_set():
    times = np.random.default_rng(0).integers(-4_000_000_000, 4_000_000_000, (16, 5))
    expected = calendar.features(times, NAMES)

    eager = calendar.features(tf.constant(times), NAMES)
    (mapped,) = tf.data.Dataset.from_tensors(times).map(lambda batch: calendar.features(batch, NAMES))

    assert eager.dtype == mapped.dtype == tf.float32
    assert mapped.shape == (16, 5, 8)
    np.testing.assert_allclose(eager, expected, atol=1e-6)
    np.testing.assert_allclose(mapped, expected, atol=1e-6)


def test_channels_have_names_in_their_order():
    assert calendar.channel_names(("hour", "day")) == ("hour_sin", "hour_cos", "day_sin", "day_cos")
    assert calendar.num_channels(NAMES) == 8
    assert calendar.num_channels(()) == 0
