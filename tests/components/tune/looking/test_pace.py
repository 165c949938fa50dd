"""The line that is shown while trials run."""

from __future__ import annotations

import pytest

from components.tune.looking import pace


def test_the_line_says_how_many_ended_how_and_what_the_best_is(make):
    """Three trials took 8 + 8 + 4 s, so the seven that are left take 47 s."""
    ended = [make.trial(0, 0.5), make.trial(1, 0.4123456), make.trial(2, 0.2, "pruned")]

    line = pace.line(ended, wanted=10, metric="log_loss", running=2)

    assert line == "trial 3/10 · best 0.4123 (log loss) · 1 pruned · 2 running · 47 s left"


def test_before_the_first_trial_has_ended_nothing_is_known():
    assert pace.line([], wanted=40, metric="rmse", running=1, hours=1) == "trial 0/40"


def test_several_workers_end_sooner_and_the_proof_comes_after(make):
    """Eight trials of 8 s are left: 64 s for one, 16 s for four, and 100 s more with the proof."""
    ended = [make.trial(0, 0.5), make.trial(1, 0.4)]

    assert pace.line(ended, wanted=10, metric="rmse").endswith(" 64 s left")
    assert pace.line(ended, wanted=10, metric="rmse", workers=4).endswith(" 16 s left")
    assert pace.line(ended, wanted=10, metric="rmse", workers=4, then_s=100).endswith(" 2 min left")


def test_the_hours_end_it_where_they_are_over_before_the_trials_are_done(make):
    """Of 72 s, 52 are left, and then a trial that runs needs 8 s at most."""
    ended = [make.trial(0, 0.5)]

    left = [pace.time_left_s(ended, wanted, workers=1, elapsed_s=20, hours=0.02) for wanted in (4, 1000)]

    assert left == [pytest.approx(24), pytest.approx(60)]
    assert pace.time_left_s(ended, 1000, workers=1, elapsed_s=9999, hours=0.02) == pytest.approx(8)


def test_the_best_is_complete_keeps_to_the_constraints_and_may_be_the_greatest(make):
    ended = [
        make.trial(0, 0.5),
        make.trial(1, 0.1, violations={"latency_ms <= 5": 1.0}),
        make.trial(2, 0.2, "pruned"),
        make.trial(3, 0.4, violations={"latency_ms <= 5": 0.0}),
        make.trial(4, None, "failed"),
    ]

    assert pace.best(ended, maximised=False) == 0.4
    assert pace.best(ended, maximised=True) == 0.5
    assert pace.best([], maximised=True) is None


def test_the_proof_says_which_training_goes_on():
    assert pace.proof_line(3, 8, trial=17, best=0.39871, metric="rmse") == "proof 3/8 · best 0.3987 (rmse) · trial 17"
    assert pace.proof_line(1, 8, trial=2) == "proof 1/8 · trial 2"
