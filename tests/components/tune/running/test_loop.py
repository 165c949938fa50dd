"""Trials in this process: how each ends, what is kept of it, and what a signal does."""

from __future__ import annotations

import dataclasses
import os
import signal

import optuna
import pytest
from optuna.pruners import ThresholdPruner
from optuna.trial import TrialState

from components.tune.running.interruption import listening
from components.tune.running.results import results
from components.tune.running.run import run
from estafet.errors import ConfigError, Preempted


def _run(cheap, search, **more):
    return run(search, cheap.job, cheap.folder, **more)


def test_it_runs_as_many_trials_as_were_asked_for_and_tells_of_each_once(cheap):
    here, told, lines = cheap(trials=3, points=[0.5]), [], []
    search = here.search()

    ended = _run(here, search, on_trial=told.append, progress=lambda *told: lines.append(told))

    assert ended == "trials"
    assert [trial.number for trial in told] == [0, 1, 2]
    assert told == results(search.study, search.judge)
    assert told[0].hyperparameters == {"x": 0.5}
    assert (told[0].value, told[0].metrics, told[0].curve) == (0.25, {"loss": 0.25}, [0.25])
    assert lines[-1][0].startswith("trial 3/3 · best ") and lines[-1][1:] == (3, 3)
    assert len(here.diary()) == 3


def test_the_same_call_again_runs_nothing_and_tells_of_all(cheap):
    here, told = cheap(trials=2), []
    _run(here, here.search())

    assert _run(here, here.search(), on_trial=told.append) == "trials"

    assert len(told) == 2 and len(here.diary()) == 2


def test_a_larger_budget_goes_on_where_the_smaller_one_ended(cheap):
    here = cheap(trials=2)
    _run(here, here.search())
    search = here.search(trials=5)
    _run(here, search)

    assert [trial.number for trial in results(search.study, search.judge)] == [0, 1, 2, 3, 4]


def test_a_grid_ends_when_all_of_its_points_are_tried(cheap):
    here = cheap(trials=9, points=[0.0, 1.0, 2.0], is_grid=True)
    search = here.search()

    assert _run(here, search) == "space"

    assert sorted(x for _, x in here.diary()) == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(("trouble", "reason"), [("fail", "it diverged"), ("nan", "not a number")])
def test_a_trial_that_fails_does_not_end_the_search(cheap, trouble, reason):
    here = cheap(trials=3, trouble=trouble)
    search = here.search()

    assert _run(here, search) == "trials"

    found = results(search.study, search.judge)
    assert [trial.state for trial in found] == ["failed"] * 3
    assert all(reason in trial.reason and trial.value is None for trial in found)


@pytest.mark.parametrize(("trouble", "kind"), [("config", ConfigError), ("bug", ZeroDivisionError)])
def test_what_would_end_every_trial_ends_the_search_and_costs_no_budget(cheap, trouble, kind):
    here = cheap(trials=2)
    with pytest.raises(kind):
        _run(here, here.search(trouble=trouble))
    search = here.search()

    assert _run(here, search) == "trials"

    xs = [x for _, x in here.diary()]
    assert len(xs) == 3 and xs[0] == xs[1] != xs[2]  # the trial in which it ended was tried again
    assert [trial.number for trial in results(search.study, search.judge)] == [0, 1]


def test_a_pruned_trial_is_worth_what_it_had_reached(cheap):
    here = cheap(trials=1, epochs=3, points=[1.0])  # its curve: 1 − 1/3, 1/2 − 1/3, 0
    search = here.search()
    search.study.pruner = ThresholdPruner(lower=0.2)

    _run(here, search)

    (trial,) = results(search.study, search.judge)
    assert (trial.state, trial.epochs, trial.metrics) == ("pruned", 2, {})
    assert trial.curve == pytest.approx([2 / 3, 1 / 6])
    assert trial.value == pytest.approx(1 / 6)


def test_constraints_are_told_to_the_study_and_broken_ones_kept(cheap):
    here = cheap(trials=2, points=[-1.0, 0.5])  # losses 4 and 0.25, of which 1 is allowed
    search = here.search()

    _run(here, search)

    assert [trial.violations for trial in results(search.study, search.judge)] == [{"loss <= 1": 3.0}, {}]
    assert [trial.constraints for trial in search.study.trials] == [{"loss <= 1": 3.0}, {"loss <= 1": -0.75}]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_of_a_trial_leaves_it_to_be_tried_again(cheap, number):
    here = cheap(trials=3, epochs=2)
    search = here.search()

    def told(message, done=None, total=None):
        if done == 1.5 and len(here.diary()) == 2:  # one trial is done, and half of the second
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(Preempted):
        _run(here, search, progress=told)
    assert signal.getsignal(number) is before
    assert not search.study.get_trials(states=[TrialState.RUNNING])
    _run(here, here.search())

    xs = [x for _, x in here.diary()]
    assert len(xs) == 4 and xs[1] == xs[2]
    assert [trial.number for trial in results(search.study, search.judge)] == [0, 1, 2]
    assert len({trial.hyperparameters["x"] for trial in results(search.study, search.judge)}) == 3


def test_a_signal_while_something_is_written_is_heeded_after_it():
    done = []
    with listening() as interruption, pytest.raises(Preempted), interruption.open():
        with interruption.held():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("written")
        done.append("and on")

    assert done == ["written"]


def test_a_front_reports_nothing_to_the_pruner(cheap):
    here = cheap(trials=1)
    search = here.search()
    front = optuna.create_study(directions=["minimize", "minimize"])
    judge = dataclasses.replace(search.judge)
    judge.values = lambda metrics: [metrics["loss"], 2.0]

    _run(here, dataclasses.replace(search, study=front, judge=judge))

    assert front.trials[0].values[1] == 2.0
