"""Series are divided by time, each on its own, and no training window shares a step with one that is held out."""

import numpy as np
import pytest

from components.ingest.series.dividing import divide, num_overlapping
from components.ingest.series.regular import Series
from estafet.errors import ConfigError, DataError
from estafet.records.manifest import Segment, WindowSpec
from estafet.runfile.data import Data


def series(num_steps, key=()):
    return Series(key, np.zeros((num_steps, 1), np.float32), np.arange(num_steps) * 60)


def data(lookback, horizon, **more):
    return Data(source="x", window={"lookback": lookback, "horizon": horizon}, **more)


def test_training_ends_where_validation_begins_to_look_back():
    """Of 100 steps 80 are for training, less the last 5; validation and test have 10 and 5 of context."""
    parts = divide(series(100), data(5, 2))

    assert {split: (chosen.start, chosen.stop) for split, (_, chosen) in parts.items()} == {
        "train": (0, 75),
        "validation": (75, 90),
        "test": (85, 100),
    }
    assert [segment.num_context_steps for segment, _ in parts.values()] == [0, 5, 5]
    assert [segment.num_steps for segment, _ in parts.values()] == [75, 15, 15]


def test_without_validation_training_ends_before_the_context_of_test():
    parts = divide(series(100), data(5, 2, split={"train": 0.9, "validation": 0, "test": 0.1}))

    assert parts["train"][1] == slice(0, 85)
    assert parts["validation"][0] == Segment(num_steps=0)
    assert parts["test"][1] == slice(85, 100)


@pytest.mark.parametrize("stride", [1, 3])
def test_no_training_window_shares_a_step_with_one_that_is_held_out(stride):
    settings = data(5, 2)

    parts = divide(series(100), settings)

    assert num_overlapping(series(100), parts, WindowSpec(lookback=5, horizon=2, stride=stride, season=1)) == 0


def test_shared_steps_are_counted():
    """Validation looks back on the steps from 75 on: three steps more are three windows too many."""
    parts = divide(series(100), data(5, 2))
    parts["train"] = (Segment(num_steps=78), slice(0, 78))

    assert num_overlapping(series(100), parts, WindowSpec(lookback=5, horizon=2, stride=1, season=1)) == 3


def test_a_series_too_short_says_how_far_it_can_look_back():
    """Of 31 steps 25 are for training; with 9 to look back on 9 are set apart, and 16 are left for windows of 9 + 7."""
    with pytest.raises(DataError, match=r"31 steps leave 25 for train, 24 of them set apart .* a window needs 31") as e:
        divide(series(31), data(24, 7))

    assert "data.window.lookback to 9 or less" in e.value.hint
    divide(series(31), data(9, 3))


def test_a_held_out_part_too_short_names_its_share():
    with pytest.raises(DataError, match="leave 3 for test, and a window needs 4 there") as caught:
        divide(series(31, ("shop", "bread")), data(2, 4, split={"train": 0.7, "validation": 0.2, "test": 0.1}))

    assert "the series 'shop, bread'" in caught.value.message
    assert "data.split.test a larger share, or leave this series out" in caught.value.hint


def test_each_series_is_divided_and_stands_together(write, hours):
    """Two series of 40 and 20 hours, their rows mixed: a tenth of each is held out, its own last steps."""
    columns = {
        "t": hours(40) + hours(20),
        "shop": ["b"] * 40 + ["a"] * 20,
        "x": [*range(100, 140), *range(20)],
    }
    mixed = np.random.default_rng(0).permutation(60)
    columns = {name: [values[i] for i in mixed] for name, values in columns.items()}

    result = write(columns, series_by="shop")

    assert result.written.splits["train"].segments == (
        Segment(key=("a",), num_steps=14),
        Segment(key=("b",), num_steps=30),
    )
    assert result.values("train") == [*range(14), *range(100, 130)]
    assert result.values("test") == [16, 17, 18, 19, 134, 135, 136, 137, 138, 139]
    assert result.written.schema.series_by == ("shop",)
    assert [feature.name for feature in result.written.schema.numeric] == ["x"]
    assert result.written.overlap.windows == 0


def test_the_key_may_be_of_several_columns_and_numbers(write, hours):
    columns = {"t": hours(20) * 3, "shop": ["a"] * 40 + ["b"] * 20, "item": [2] * 20 + [1] * 40, "x": range(60)}

    segments = write(columns, series_by=["shop", "item"]).written.splits["test"].segments

    assert [segment.key for segment in segments] == [("a", "1"), ("a", "2"), ("b", "1")]


def test_the_data_set_does_not_depend_on_the_order_of_rows(write, hours):
    columns = {"t": hours(60), "shop": ["b", "a"] * 30, "x": [*range(60)], "z": [*range(60, 0, -1)]}
    mixed = np.random.default_rng(1).permutation(60)

    one = write(columns, series_by="shop", frequency="2h")
    other = write({name: [values[i] for i in mixed] for name, values in columns.items()}, series_by="shop")

    assert one.written.contents == other.written.contents
    assert one.written.schema == other.written.schema


def test_scaling_knows_training_alone(write, hours):
    """The last fifth is a thousand times larger; of 100 steps the first 78 are for training: 0 to 77."""
    columns = {"t": hours(100), "x": [*range(80), *range(80_000, 100_000, 1_000)]}

    (channel,) = write(columns).written.schema.numeric

    assert (channel.mean, channel.min, channel.max) == (38.5, 0, 77)
    assert channel.std == pytest.approx(np.sqrt((78**2 - 1) / 12))


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ({"by": "hash"}, "data.split.by is 'hash'"),
        ({"k_folds": 5}, "data.split.k_folds does not go"),
        ({"group_by": "shop"}, "data.split.group_by does not go"),
    ],
)
def test_a_split_that_does_not_suit_a_series(write, hours, split, said):
    with pytest.raises(ConfigError, match=said):
        write({"t": hours(9), "x": range(9), "shop": ["a"] * 9}, split=split)
