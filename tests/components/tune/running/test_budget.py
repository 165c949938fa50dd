"""How many trials may begin, on studies made by hand."""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from components.tune.running import retries
from components.tune.running.budget import Budget, Session, counting, covered, finished, spent_s
from components.tune.running.marks import EARLIER, REASON, RETRY

COMPLETE, PRUNED, FAIL, RUNNING = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING


@pytest.fixture
def study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study()


def _add(study: optuna.Study, *states: TrialState, **marks: object) -> None:
    for state in states:
        study.add_trial(create_trial(state=state, value=1.0 if state is COMPLETE else None, user_attrs=marks))


def _begin(study: optuna.Study) -> optuna.Trial:
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    return trial


def test_failed_trials_count_where_they_have_a_reason_and_surplus_ones_do_not(study):
    _add(study, COMPLETE, PRUNED, FAIL)
    _add(study, FAIL, **{REASON: "it diverged"})

    assert [trial.number for trial in counting(study)] == [0, 1, 3]


def test_trials_of_an_earlier_study_cost_no_budget(study):
    _add(study, COMPLETE, COMPLETE, **{EARLIER: 7})

    assert Budget(trials=1).ended_by(study) is None
    assert Budget(trials=1).admits(study, study.ask().number)


def test_of_three_that_began_at_once_with_two_places_the_last_is_surplus(study):
    numbers = [study.ask().number for _ in range(3)]

    assert [Budget(trials=2).admits(study, number) for number in numbers] == [True, True, False]


def test_the_place_of_an_interrupted_trial_is_its_retrys_and_nobody_elses(study):
    first, second = _begin(study), _begin(study)
    retries.take_back(study, study.trials[first.number], "was killed")
    study.add_trial(create_trial(state=RUNNING))  # number 3, begun by who had not seen that the retry waits

    assert [(trial.number, trial.state.name) for trial in counting(study)] == [
        (second.number, "RUNNING"),
        (2, "WAITING"),
        (3, "RUNNING"),
    ]
    assert not Budget(trials=2).admits(study, 3)
    assert Budget(trials=2).admits(study, study.ask().number)  # the retry itself


def test_of_two_retries_of_one_trial_the_first_counts(study):
    first = _begin(study)
    frozen = study.trials[first.number]
    retries.take_back(study, frozen, "was killed")
    retries.take_back(study, frozen, "was killed")

    assert [trial.number for trial in counting(study)] == [1]
    assert not Budget(trials=2).admits(study, 2)


def test_the_third_death_makes_a_failed_trial_that_says_what_happened(study):
    first = _begin(study)
    for _ in range(2):
        (running,) = study.get_trials(states=[RUNNING])
        retries.take_back(study, running, "was killed by SIGKILL")
        study.ask().suggest_float("x", 0, 1)
    (running,) = study.get_trials(states=[RUNNING])
    retries.take_back(study, running, "was killed by SIGKILL")

    (trial,) = finished(study)
    assert trial.params == first.params
    assert trial.user_attrs[RETRY]["first"] == first.number
    assert trial.user_attrs[REASON].startswith("its process was killed by SIGKILL, and so ended 3 tries")
    assert not study.get_trials(states=[RUNNING, TrialState.WAITING])


def test_waiting_trials_leave_the_budget_open(study):
    _add(study, COMPLETE)
    study.enqueue_trial({"x": 0.5})

    assert Budget(trials=2).ended_by(study) is None
    study.ask()
    assert Budget(trials=2).ended_by(study) == "trials"


def test_a_grid_that_is_done_ends_the_search_and_trials_end_a_larger_one(study):
    _add(study, COMPLETE, COMPLETE, COMPLETE)

    assert Budget(trials=5, num_points=3).ended_by(study) == "space"
    assert Budget(trials=3, num_points=9).ended_by(study) == "trials"
    assert Budget(trials=5, num_points=4).ended_by(study) is None


def test_hours_count_what_killed_processes_spent_and_leave_room_for_one_trial(study):
    study.set_user_attr("session/killed", [1000.0, 4600.0])

    assert Budget(trials=9, hours=1.0).ended_by(study) is None
    _add(study, COMPLETE)
    assert Budget(trials=9, hours=1.0).ended_by(study) == "hours"
    assert Budget(trials=9, hours=1.01).ended_by(study) is None


def test_hours_in_which_two_worked_at_once_count_once():
    assert covered([[5, 9], [0, 4], [3, 6], [20, 21]]) == 9 + 1
    assert covered([]) == 0


def test_a_session_says_in_the_study_how_long_it_has_lasted(study, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 100.0)
    session = Session(study)
    monkeypatch.setattr("time.time", lambda: 103.0)
    session.note()  # too soon to be said
    assert spent_s(study) == 0
    session.note(at_once=True)
    assert spent_s(study) == 3
    monkeypatch.setattr("time.time", lambda: 110.0)
    session.note()
    assert spent_s(study) == 10
