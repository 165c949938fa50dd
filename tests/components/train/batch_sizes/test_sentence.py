"""What is said of a comparison, worked out by hand."""

from __future__ import annotations

from components.train.batch_sizes.comparison import Comparison, Target
from components.train.batch_sizes.measured import Measured
from components.train.batch_sizes.sentence import sentence, warning

FAILED = Measured("512", "fixed", 0.001, reason="the loss is NaN")


def _said(*measured, target=None) -> str:
    return sentence(Comparison(measured, Target("log_loss", target)))


def test_the_fastest_and_the_schedule_are_compared_with_the_smallest_size(ran):
    """32 takes 8 s and 4 CPU s; 128 takes 3 s and 3 CPU s, the schedule 5 s and 2 CPU s."""
    assert _said(
        ran("32", [0.6, 0.3], [4.0, 4.0], cpu_s=[2.0, 2.0]),
        ran("128", [0.8, 0.5, 0.3], [1.0, 1.0, 1.0], cpu_s=[1.0, 1.0, 1.0]),
        ran("32 → 128", [0.6, 0.25], [4.0, 1.0], "schedule", [32, 128], cpu_s=[1.0, 1.0]),
    ) == (
        "128 reaches validation log loss 0.3 in 38 % of the time of 32 (75 % of its CPU time); "
        "the schedule takes 62 % (50 %); best in the end: the schedule, with 0.25."
    )


def test_where_the_smallest_size_is_the_fastest_the_next_one_is_compared_with_it(ran):
    """64 takes 2 s where 32 takes one, and auto takes 3 s."""
    assert _said(
        ran("32", [0.3, 0.2], [1.0, 1.0]),
        ran("64", [0.5, 0.3], [1.0, 1.0]),
        ran("auto", [0.3], [3.0], "auto"),
    ) == (
        "32 is the fastest to validation log loss 0.3; 64 takes 200 % of its time (200 % of its CPU time); "
        "auto takes 300 % (300 %); best in the end: 32, with 0.2."
    )


def test_the_schedule_can_be_the_fastest(three):
    """0.28 is reached by 32 after 12 s, and by the schedule after 6 s, with 0.25 in its third epoch; 128 never does."""
    assert _said(*three, target=0.28).startswith(
        "The schedule reaches validation log loss 0.28 in 50 % of the time of 32 (50 % of its CPU time); best"
    )


def test_on_a_busy_machine_cpu_time_counts_first(ran):
    """64 had to wait: its 6 s, twice those of 32, held 1.5 CPU s, three quarters of those of 32."""
    assert _said(
        ran("32", [0.3], [3.0], cpu_s=[2.0], devices="cpu"), ran("64", [0.3], [6.0], cpu_s=[1.5], devices="cpu")
    ).startswith("64 reaches validation log loss 0.3 in 75 % of the CPU time of 32 (200 % of its time); best")


def test_a_small_difference_is_called_one(ran):
    """95 % of the time is too near, 90 % is not."""
    assert "; less than 10 % apart, which one seed cannot tell;" in _said(
        ran("32", [0.3], [1.0]), ran("64", [0.3], [0.95])
    )
    assert "apart" not in _said(ran("32", [0.3], [1.0]), ran("64", [0.3], [0.89]))


def test_a_target_that_nothing_or_only_one_reaches_is_said_to_be_so(three):
    assert _said(*three, target=0.1) == (
        "Nothing reaches validation log loss 0.1 within 3 epochs; best in the end: the schedule, with 0.25."
    )
    assert _said(*three, target=0.26) == (
        "Only the schedule reaches validation log loss 0.26; best in the end: the schedule, with 0.25."
    )


def test_what_failed_is_compared_with_nothing(three, ran):
    assert _said(*three, FAILED) == _said(*three)
    assert _said(FAILED) == "No training came to its end; there is nothing to compare."
    assert _said(ran("32", [0.3], [1.0]), FAILED) == "Only 32 came to its end; there is nothing to compare."


def test_a_training_that_waited_for_the_cpu_is_told_of(ran):
    """3 s with 1 s of CPU is waiting; 1.4 s with 1 s may be reading; a GPU's work takes no CPU time."""

    def warned(seconds, devices="cpu"):
        one = ran("64", [0.3], [seconds], cpu_s=[1.0], devices=devices)
        return warning(Comparison([one], Target("log_loss")))

    assert warned(3.0).startswith("The machine was busy: an epoch of 64 took 3 s and had 1 s of CPU.")
    assert (warned(1.4), warned(3.0, "gpu")) == ("", "")
