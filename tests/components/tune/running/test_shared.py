"""A study in a database, on which processes of several machines work: who is dead, and who waits for whom."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy
from optuna.trial import TrialState

from components.tune.running import owners, run
from components.tune.running.interruption import listening
from components.tune.running.marks import OWNER, RETRY
from components.tune.running.results import results
from components.tune.running.testing import CheapMeasured
from components.tune.study.storage import open_storage
from estafet.errors import Preempted, ServiceUnavailable

RUNNING, WAITING = TrialState.RUNNING, TrialState.WAITING
ELSEWHERE = "pod-7/1/99"


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Path:
    """A database that has Optuna's tables, which take a second to make."""
    folder = tmp_path_factory.mktemp("tables")
    open_storage(f"sqlite:///{folder}/study.db", folder)
    return folder / "study.db"


@pytest.fixture
def url(tables, tmp_path) -> str:
    shutil.copy(tables, tmp_path)
    return f"sqlite:///{tmp_path}/study.db"


def _left_running(search, owner: str | None, x: float = 0.75) -> None:
    """Leave a running trial behind, as a process does that is killed in the middle of it."""
    search.study.enqueue_trial({"x": x})
    trial = search.study.ask()
    search.study._storage.record_heartbeat(trial._trial_id)
    trial.suggest_float("x", -2.0, 2.0)
    if owner is not None:
        trial.set_user_attr(OWNER, owner)


def _change(url: str, statement: str, **values: object) -> None:
    with sqlalchemy.create_engine(url).begin() as connection:
        connection.execute(sqlalchemy.text(statement), values)


def _let_hearts_stop(url: str) -> None:
    _change(url, "update trial_heartbeats set heartbeat = :then", then="2020-01-01 00:00:00")


def _run(here, search) -> str:
    return run.run(search, here.job, here.folder)


def test_a_trial_of_another_machine_is_left_to_it_while_its_heart_beats(cheap, url):
    search = cheap(url=url).search()
    _left_running(search, ELSEWHERE)

    assert owners.orphans(search.study) == []


def test_when_its_heart_stops_another_worker_tries_it_again(cheap, url):
    here = cheap(url=url, trials=2)
    search = here.search()
    _left_running(search, ELSEWHERE)
    _let_hearts_stop(url)

    assert run.run_as_one_of_several(search, worker=0) == "trials"

    assert [x for _, x in here.diary()].count(0.75) == 1
    assert [trial.number for trial in results(search.study, search.judge)] == [0, 1]


def test_a_process_of_this_machine_that_is_gone_needs_no_heart_to_stop(cheap, url):
    search = cheap(url=url).search()
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    _left_running(search, f"{socket.gethostname()}/{ended.stdout.strip()}/12345")

    assert [trial.number for trial in owners.orphans(search.study)] == [0]


def test_a_process_that_got_the_number_of_a_dead_one_is_not_it(cheap, url):
    search = cheap(url=url).search()
    _left_running(search, f"{socket.gethostname()}/{os.getpid()}/12345")
    _left_running(search, owners.this_process())

    assert [trial.number for trial in owners.orphans(search.study)] == [0]


def test_an_unsigned_trial_is_an_orphan_only_when_it_is_old(cheap, url):
    search = cheap(url=url).search()
    _left_running(search, None)

    assert owners.orphans(search.study) == []
    _change(url, "update trials set datetime_start = :then", then=datetime.now() - timedelta(seconds=121))
    fresh = cheap(url=url).search()
    assert [trial.number for trial in owners.orphans(fresh.study)] == [0]
    assert owners.orphans(fresh.study, signed_only=True) == []


def test_who_comes_last_waits_for_the_others_trials(cheap, url, monkeypatch):
    here = cheap(url=url, trials=2)
    search = here.search()
    _left_running(search, ELSEWHERE)
    slept = []

    def sleep(seconds: float) -> None:  # meanwhile, the other machine ends its trial
        if seconds:  # a cheap trial sleeps for 0 s
            slept.append(seconds)
            search.study.tell(0, 0.5)

    monkeypatch.setattr(run.time, "sleep", sleep)

    assert _run(here, search) == "trials"

    assert slept == [run.WAIT_S]
    assert len(here.diary()) == 1 and len(results(search.study, search.judge)) == 2


def test_who_is_one_of_several_does_not_wait(cheap, url):
    here = cheap(url=url, trials=1)
    search = here.search()
    _left_running(search, ELSEWHERE)

    assert run.run_as_one_of_several(search, worker=0) == "trials"

    assert here.diary() == []


def test_a_trial_that_was_given_to_another_while_its_process_hung_ends_there(cheap, url):
    """The process wakes up and tells a study in which its trial has been tried again meanwhile."""
    here = cheap(url=url, trials=1, points=[0.5])
    search = here.search()

    def hang(hyperparameters, *, report, progress):
        if not any(RETRY in trial.user_attrs for trial in search.study.trials):
            _change(url, "update trial_user_attributes set value_json = :owner", owner=f'"{ELSEWHERE}"')
            _let_hearts_stop(url)
            run.retries.take_back_orphans(here.search().study)
        return CheapMeasured([0.25], {"loss": 0.25}, 1)

    object.__setattr__(search, "measure", hang)

    assert _run(here, search) == "trials"

    (trial,) = results(search.study, search.judge)
    assert (trial.number, trial.hyperparameters) == (0, {"x": 0.5})
    assert len(search.study.trials) == 2


def test_workers_wait_for_the_first_to_prepare_the_study(cheap, url, monkeypatch):
    here = cheap(url=url, trials=1, points=[0.5])
    monkeypatch.setattr(run.time, "sleep", lambda seconds: run.prepare(here.search()))

    assert run.run_as_one_of_several(here.search(), worker=3) == "trials"

    assert [x for _, x in here.diary()] == [0.5]


def test_workers_do_not_wait_for_ever(cheap, url, monkeypatch):
    monkeypatch.setattr(run, "PREPARED_WITHIN_S", -1.0)

    with pytest.raises(ServiceUnavailable, match="worker 0 has not prepared the study"):
        run.run_as_one_of_several(cheap(url=url).search(), worker=1)


def test_a_worker_that_is_told_to_end_while_it_waits_ends(cheap, url, monkeypatch):
    search = cheap(url=url).search()
    monkeypatch.setattr(run.time, "sleep", lambda seconds: os.kill(os.getpid(), 15))

    with pytest.raises(Preempted):
        run.run_as_one_of_several(search, worker=1)
    with listening() as interruption:
        assert interruption.asked == ""


def test_the_heart_beats_while_a_trial_runs_and_not_after(cheap, url, monkeypatch):
    search, beats = cheap(url=url).search(), []
    trial = search.study.ask()
    storage = search.study._storage
    monkeypatch.setattr(type(storage), "get_heartbeat_interval", lambda self: 0.01)
    monkeypatch.setattr(type(storage), "record_heartbeat", lambda self, number: beats.append(number))

    with owners.owning(search.study, trial):
        while len(beats) < 3:
            pass
    num_beats = len(beats)

    assert set(beats) == {trial._trial_id}
    assert not [thread for thread in owners.threading.enumerate() if thread.name == "trial-heartbeat"]
    assert len(beats) == num_beats
    assert search.study.trials[0].user_attrs[OWNER] == owners.this_process()


@pytest.mark.slow
def test_two_processes_on_sqlite_lose_no_trial(cheap, url):
    here = cheap(url=url, trials=6)

    assert run.run(here.search(), here.job, here.folder, workers=2) == "trials"

    search = here.search()
    found = results(search.study, search.judge)
    assert sorted(x for _, x in here.diary()) == sorted(trial.hyperparameters["x"] for trial in found)
    assert len(found) == 6
