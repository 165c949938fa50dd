"""Windows are cut from the steps of one series each, and told of the calendar where the schema says so."""

import numpy as np
import pytest

from estafet.records import calendar
from estafet.records.manifest import Manifest, Segment, WindowSpec
from estafet.records.reading import dataset, num_examples, raw_examples
from estafet.records.windows import newest, starts_of, window_starts
from estafet.schema import Label, NumericFeature, Schema

LOOKBACK, HORIZON = 2, 1


def spec(stride=1):
    return WindowSpec(lookback=LOOKBACK, horizon=HORIZON, stride=stride, season=1)


@pytest.fixture(scope="module")
def two_series(write_dataset, tmp_path_factory):
    """Two series of an hour a step: `a` is 0 to 5, `b` 100 to 107; of the last four steps of `b`, two are context."""
    values = np.r_[0:6, 100:108].astype(np.float32)
    times = np.r_[0:6, 50:58] * 3600
    feature = NumericFeature(name="x", mean=0, std=1, min=0, max=1, missing_share=0)
    folder = write_dataset(
        tmp_path_factory.mktemp("two") / "dataset",
        {
            "train": {"values": values[:, None], "time": times},
            "test": {"values": values[10:, None], "time": times[10:]},
        },
        task="forecasting",
        window=spec(),
        data_schema=Schema(
            numeric=(feature,), label=Label(name="x"), time="t", series_by=("k",), calendar=("hour", "month")
        ),
    )
    manifest = Manifest.load(folder)
    segments = {
        "train": (Segment(key=("a",), num_steps=6), Segment(key=("b",), num_steps=8)),
        "test": (Segment(key=("b",), num_steps=4, num_context_steps=2),),
    }
    splits = {split: found.model_copy(update={"segments": segments[split]}) for split, found in manifest.splits.items()}
    manifest.model_copy(update={"splits": splits}).save(folder)
    return folder


def labels_of(folder, split="train", **settings):
    data = dataset(folder, split, batch_size=None, **settings)
    return [int(label[0]) for _, label in data.as_numpy_iterator()]


def test_no_window_reaches_from_one_series_into_the_next(two_series):
    """Series of 6 and 8 steps have 4 and 6 windows of three; what is forecast begins with the third step of each."""
    assert labels_of(two_series) == [2, 3, 4, 5, 102, 103, 104, 105, 106, 107]
    assert num_examples(two_series, "train") == 10


def test_context_is_never_forecast(two_series):
    assert labels_of(two_series, "test") == [106, 107]


def test_a_share_is_the_newest_of_each_series(two_series):
    """Half of 4 and 6 windows are 2 and 3."""
    assert labels_of(two_series, share=0.5) == [4, 5, 105, 106, 107]


@pytest.mark.parametrize("total", range(11))
def test_as_many_are_taken_as_are_asked_for(two_series, total):
    starts = newest(Manifest.load(two_series), "train", total)

    assert len(starts) == total == len(set(starts.tolist()))
    assert np.isin(starts, window_starts(Manifest.load(two_series), "train")).all()


def test_workers_share_the_windows(two_series):
    parts = [labels_of(two_series, worker=(i, 3)) for i in range(3)]

    assert sorted(label for part in parts for label in part) == labels_of(two_series)
    assert [len(part) for part in parts] == [4, 3, 3]


def test_shuffled_windows_are_the_same_ones(two_series):
    assert sorted(labels_of(two_series, shuffle=True, seed=1)) == labels_of(two_series)


@pytest.mark.parametrize(
    ("num_steps", "num_context", "stride", "expected"),
    [(2, 0, 1, []), (3, 0, 1, [0]), (9, 0, 3, [0, 3, 6]), (9, 2, 1, range(7)), (9, 4, 1, range(2, 7)), (0, 0, 1, [])],
)
def test_starts_follow_from_length_context_and_stride(num_steps, num_context, stride, expected):
    segment = Segment(num_steps=num_steps, num_context_steps=num_context)

    assert starts_of(segment, spec(stride)).tolist() == list(expected)


def test_the_calendar_stands_behind_the_stored_channels(two_series):
    """The last window of `b` looks at the hours 55 and 56, which are 7 and 8 o'clock of a day in January."""
    *_, (features, _) = dataset(two_series, "train", batch_size=None).as_numpy_iterator()

    assert features["values"].shape == (LOOKBACK, 1 + 4)
    np.testing.assert_array_equal(features["values"][:, 0], [105, 106])
    angles = 2 * np.pi * np.array([7, 8]) / 24
    expected = np.stack([np.sin(angles), np.cos(angles), [0, 0], [1, 1]], axis=1)
    np.testing.assert_allclose(features["values"][:, 1:], expected, atol=1e-6)


def test_a_client_sends_times_in_place_of_the_calendar(two_series):
    raw = raw_examples(two_series, "train")
    (features, labels), *rest = dataset(two_series, "train", batch_size=100).as_numpy_iterator()

    assert not rest
    assert (raw["values"].shape, raw["time"].shape, raw["time"].dtype) == ((10, 2, 1), (10, 2), np.int64)
    assert raw["time"][-1].tolist() == [55 * 3600, 56 * 3600]
    together = np.concatenate([raw["values"], calendar.features(raw["time"], ("hour", "month"))], axis=-1)
    np.testing.assert_array_equal(together, features["values"])
    np.testing.assert_array_equal(raw["label"], labels)
