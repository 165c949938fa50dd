"""Whole series, from a CSV file to what training reads; and what is wrong with one, said with what to change."""

import numpy as np
import pytest

from components.ingest import step
from estafet.errors import ConfigError
from estafet.records.decoding import decode
from estafet.records.manifest import Manifest
from estafet.records.verify import read_frames

DAYS = [[f"2026-01-{i + 1:02d}", i] for i in range(31)]


def steps_of(folder, split):
    """Return times and values of a split as its shards hold them."""
    manifest = Manifest.load(folder)
    files = [folder / shard.file for shard in manifest.splits[split].shards]
    records = [decode(record) for file in files for _, record in read_frames(file, manifest.compression)]
    return np.concatenate([r["time"] for r in records]), np.stack([r["values"] for r in records])


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_series_is_split_by_time_with_context(co2_csv, settings, tmp_path, compression):
    """2,284 weeks with shares of 0.8, 0.1 and 0.1: 228 each for test and validation, the rest for training."""
    import pandas

    made = settings(
        "forecasting",
        co2_csv,
        label="co2",
        time="week",
        max_bad_share=0.05,
        window={"lookback": 52, "horizon": 4},
        compression=compression,
    )

    manifest = step.ingest(made, tmp_path / "out")

    frame = pandas.read_csv(co2_csv, parse_dates=["week"])
    filled = frame["co2"].ffill().to_numpy(np.float32)
    seconds = frame["week"].astype("datetime64[s]").astype(np.int64).to_numpy()
    train, validation, test = (steps_of(tmp_path / "out", split) for split in manifest.splits)
    np.testing.assert_array_equal(test[1][:, 0], filled[-228 - 52 :])
    np.testing.assert_array_equal(test[0], seconds[-228 - 52 :])
    np.testing.assert_array_equal(validation[1][:, 0], filled[-456 - 52 : -228])
    np.testing.assert_array_equal(train[1][:, 0], filled[: 2284 - 456 - 52])
    assert train[0][-1] < validation[0][0]
    assert manifest.num_bad_examples == 59
    assert manifest.overlap.windows == 0
    assert step.summary(manifest) == "1,776 train · 228 validation · 228 test · 59 filled in"


def test_steps_are_put_in_order_of_time(write_csv, settings, tmp_path):
    """Rows in a mixed order give the same data set as rows in order; a second channel is carried along."""
    rows = [[np.datetime64("2026-01-01") + i, i, i * 2] for i in range(300)]
    mixed = [rows[i] for i in np.random.default_rng(0).permutation(300)]

    def ingested(given):
        path = write_csv(["day", "x", "z"], given)
        made = settings("forecasting", path, label="x", time="day", window={"lookback": 5, "horizon": 1})
        return step.ingest(made, tmp_path / "out")

    in_order = ingested(rows)
    assert ingested(mixed).version == in_order.version
    assert [feature.name for feature in in_order.data_schema.numeric] == ["x", "z"]
    times, values = steps_of(tmp_path / "out", "test")
    np.testing.assert_array_equal(values, [[i, 2 * i] for i in range(265, 300)])
    assert np.all(np.diff(times) == 86_400)


def test_another_calendar_or_series_is_another_version(write_csv, settings, tmp_path):
    path = write_csv(["day", "x", "k"], [[np.datetime64("2026-01-01") + i, i, "a"] for i in range(60)])

    def version(**more):
        made = settings("forecasting", path, label="x", time="day", window={"lookback": 5, "horizon": 1}, **more)
        return step.ingest(made, tmp_path / "out").version

    versions = [version(ignore=["k"]), version(ignore=["k"], calendar=["weekday"]), version(series_by="k")]
    assert len(set(versions)) == 3


def test_a_series_too_short_for_its_window(write_csv, settings, refused):
    path = write_csv(["day", "x"], DAYS)

    message, hint = refused(settings("forecasting", path, label="x", time="day", window={"lookback": 24, "horizon": 7}))

    assert "31 steps leave 25 for train, 24 of them set apart" in message
    assert "data.window.lookback to 9 or less" in hint


def test_a_time_that_occurs_twice(write_csv, settings, refused):
    path = write_csv(["day", "x"], [*DAYS, ["2026-01-05", 99]])

    message, hint = refused(settings("forecasting", path, label="x", time="day"))

    assert "times in column 'day' occur twice: 2026-01-05 (data.csv row 5 and data.csv row 32)" in message
    assert "data.series_by" in hint


def test_a_series_without_time(write_csv, settings, refused):
    message, hint = refused(settings("forecasting", write_csv(["day", "x"], DAYS), label="x"), ConfigError)

    assert "forecasting needs data.time" in message
    assert "day, x" in hint


def test_a_time_that_is_none(write_csv, settings, refused):
    path = write_csv(["day", "x"], [*DAYS, ["yesterday", 1]])

    message, _ = refused(settings("forecasting", path, label="x", time="day"))

    assert "row 32: " in message
    assert "'yesterday' in column 'day' is no time" in message


def test_a_word_among_the_values_is_told_where_nothing_else_was_filled_in(write_csv, settings, tmp_path):
    path = write_csv(["day", "x"], [[day, "n/k" if i == 9 else i] for i, (day, _) in enumerate(DAYS)])
    values = {"label": "x", "time": "day", "window": {"lookback": 2}, "on_anomaly": "quarantine"}

    manifest = step.ingest(settings("forecasting", path, **values), tmp_path / "out")

    assert step.summary(manifest).endswith(" test · 1 left out")


def test_a_series_split_by_hash(write_csv, settings, refused):
    made = settings("forecasting", write_csv(["day", "x"], DAYS), label="x", time="day", split={"by": "hash"})

    assert "split by time" in refused(made, ConfigError)[0]
