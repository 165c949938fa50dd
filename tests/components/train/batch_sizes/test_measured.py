"""The numbers that follow from a training's history, worked out by hand."""

from __future__ import annotations

import pytest


def test_the_first_epoch_that_is_as_good_as_a_value_has_reached_it(ran):
    one = ran("64", [0.9, 0.5, 0.4, 0.45], [2.0, 2.0, 2.0, 2.0])

    assert [one.epochs_to("log_loss", value) for value in (0.5, 0.41, 0.39)] == [2, 3, None]
    assert (one.best("log_loss"), one.final("log_loss")) == (0.4, 0.45)


def test_of_accuracy_more_is_better(ran):
    """Accuracies 0.1, 0.5, 0.6 and 0.55."""
    one = ran("64", [0.9, 0.5, 0.4, 0.45], [2.0, 2.0, 2.0, 2.0])

    assert one.best("accuracy") == pytest.approx(0.6)
    assert one.epochs_to("accuracy", 0.55) == 3


def test_tracing_in_the_first_epoch_counts_neither_in_its_time_nor_in_the_clock(ran):
    """The first epoch took 9 s, of which 7 went into tracing: the others with its size took 2 s."""
    one = ran("64", [0.9, 0.5, 0.4, 0.3], [9.0, 1.0, 2.0, 3.0])

    assert one.clock_s == [2.0, 3.0, 5.0, 8.0]
    assert one.epoch_s == 2.0
    assert one.epochs_cpu_s == [4.0, 2.0, 4.0, 6.0]
    assert one.examples_per_s == 300


def test_the_first_epoch_of_a_schedule_is_judged_by_those_with_its_own_size(ran):
    """Epochs with the larger size took 1 s; that says nothing of the first one."""
    sizes = [32, 32, 64, 64]

    assert ran("s", [4, 3, 2, 1], [9.0, 3.0, 1.0, 1.0], "schedule", sizes).epochs_s == [3.0, 3.0, 1.0, 1.0]


def test_a_single_epoch_and_a_first_one_that_was_faster_stay_as_they_are(ran):
    assert ran("64", [1], [9.0]).epochs_s == [9.0]
    assert ran("64", [3, 2, 1], [1.0, 2.0, 2.0]).epochs_s == [1.0, 2.0, 2.0]
