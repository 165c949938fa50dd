"""The target and the rows of a comparison."""

from __future__ import annotations

import csv

import pytest

from components.train.batch_sizes.comparison import Comparison, Target, parse_target
from components.train.batch_sizes.measured import Measured
from estafet.errors import ConfigError


def test_without_a_target_time_is_taken_to_what_all_have_reached(three):
    comparison = Comparison(three, Target("log_loss"))

    assert comparison.target == 0.3
    assert [comparison.seconds_to_target(one) for one in three] == [8.0, 3.0, 5.0]


def test_what_failed_has_a_row_with_the_reason_and_no_part_in_the_target(three):
    failed = Measured("512", "fixed", 0.001, reason="the loss is NaN")

    comparison = Comparison([*three, failed], Target("log_loss"))

    assert comparison.target == 0.3
    assert (comparison.rows()[3]["note"], comparison.rows()[3]["epoch_s"]) == ("the loss is NaN", None)


def test_what_auto_measures_before_it_trains_counts_in_its_time(ran):
    """It began its first epoch 11 s after the start and the others 2 s and 4 s after it, so it measured for 8 s."""
    measured = [
        ran("32", [0.3], [1.0], before_s=2.0, before_cpu_s=1.0),
        ran("64", [0.3], [1.0], before_s=4.0, before_cpu_s=1.0),
        ran("auto", [0.3], [5.0], "auto", before_s=11.0, before_cpu_s=7.0),
    ]
    comparison = Comparison(measured, Target("log_loss"))

    assert [comparison.seconds_to_target(one) for one in measured] == [1.0, 1.0, 13.0]
    assert comparison.cpu_seconds_to_target(measured[2]) == 10.0 + 6.0


def test_the_csv_holds_the_rows(three, tmp_path):
    comparison = Comparison(three, Target("accuracy", 0.7))
    comparison.save(tmp_path / "found.csv")

    with (tmp_path / "found.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    assert [row["batch"] for row in rows] == ["32", "128", "32 → 128"]
    assert [float(row["best"]) for row in rows] == pytest.approx([0.72, 0.7, 0.75])
    assert [float(row["seconds_to_target"]) for row in rows] == [8.0, 3.0, 5.0]
    assert [float(row["examples_per_s"]) for row in rows] == [150, 600, 600]


@pytest.mark.parametrize(
    "text, target",
    [
        (None, Target("mae")),
        ("0.3", Target("mae", 0.3)),
        ("rmse=2", Target("rmse", 2.0)),
        (" accuracy = 0.95", Target("accuracy", 0.95)),
    ],
)
def test_a_target_is_a_value_with_or_without_its_metric(text, target):
    assert parse_target(text, "mae") == target


def test_a_target_that_is_no_number_is_refused():
    with pytest.raises(ConfigError, match="--target is 'accuracy', which is no number") as caught:
        parse_target("accuracy", "log_loss")

    assert "--target accuracy=0.95" in caught.value.hint


def test_a_metric_that_the_trainings_do_not_know_is_refused_with_those_that_they_do(three):
    with pytest.raises(ConfigError, match="called 'mae'") as caught:
        Comparison(three, Target("mae", 1.0))

    assert "accuracy, log_loss, loss" in caught.value.hint
