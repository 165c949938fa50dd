"""Workers as real processes: what they do together, and what becomes of it when one of them, or all, are killed."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import psutil
import pytest
from optuna.trial import TrialState

from components.tune.running import pool
from components.tune.running.results import results
from components.tune.running.run import run
from estafet.errors import ConfigError, Preempted, StepFailed

PATIENCE_S = 60
PARENT = """
import json, sys
from pathlib import Path
from components.tune.running.job import Job
from components.tune.running.run import run
job = Job(**json.loads(sys.argv[1]))
run(job.search(), job, Path(sys.argv[2]), workers=2)
"""


def _run(here, search=None, **more):
    return run(search or here.search(), here.job, here.folder, **more)


def _results(here):
    search = here.search()
    return results(search.study, search.judge)


def _until(condition: Callable[[], object]) -> object:
    """Wait until something is so, and return it; a machine that is busy may take long."""
    until = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.02)
    return found


@contextlib.contextmanager
def _meanwhile(action: Callable[[], None]):
    """Do something in a thread while the block runs; an error in it is an error of the test."""
    failed = []

    def act() -> None:
        try:
            action()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=act)
    thread.start()
    yield
    thread.join()
    assert not failed, failed


def _started(here, **about) -> subprocess.Popen:
    """Start a parent with two workers in a process of its own."""
    job = json.dumps({"maker": here.job.maker, "about": {**here.job.about, **about}})
    return subprocess.Popen([sys.executable, "-c", PARENT, job, str(here.folder)])


@pytest.mark.slow
def test_twenty_workers_lose_no_trial_and_run_none_twice(cheap):
    here, lines = cheap(trials=80), []

    assert _run(here, workers=20, progress=lambda *told: lines.append(told)) == "trials"

    found = _results(here)
    assert [trial.number for trial in found] == list(range(80))
    assert {trial.state for trial in found} == {"complete"}
    assert sorted(x for _, x in here.diary()) == sorted(trial.hyperparameters["x"] for trial in found)
    assert lines[-1][0].startswith("trial 80/80 · best ") and lines[-1][1:] == (80, 80)
    assert len({process for process, _ in here.diary()}) > 10
    assert os.getpid() not in {process for process, _ in here.diary()}


@pytest.mark.slow
def test_the_trial_of_a_killed_worker_is_tried_again_and_costs_no_budget(cheap):
    here = cheap(trials=4, sleep_s=0.3, epochs=3)

    def kill() -> None:
        process, _ = _until(here.diary)[0]
        os.kill(process, signal.SIGKILL)

    with _meanwhile(kill):
        ended = _run(here, workers=2)

    assert ended == "trials"
    assert [trial.number for trial in _results(here)] == [0, 1, 2, 3]
    counts = collections.Counter(x for _, x in here.diary())
    assert sorted(counts.values()) == [1, 1, 1, 2]
    assert counts[here.diary()[0][1]] == 2


@pytest.mark.slow
def test_a_trial_of_which_every_process_dies_fails_and_says_how(cheap):
    here = cheap(trials=1, trouble="die", points=[0.25])

    assert _run(here, workers=2) == "trials"

    (trial,) = _results(here)
    assert trial.state == "failed"
    assert trial.reason.startswith("its process ended with exit status 9, and so ended 3 tries")
    assert [x for _, x in here.diary()] == [0.25, 0.25, 0.25]


@pytest.mark.slow
def test_when_the_parent_is_killed_no_worker_is_left_and_the_same_command_ends_with_all_trials(cheap):
    here = cheap(trials=5, sleep_s=0.2, epochs=2)
    parent = _started(here, sleep_s=20)
    try:
        workers = {process for process, _ in _until(lambda: len(here.diary()) == 2 and here.diary())}
        assert parent.pid not in workers
    finally:
        parent.kill()
        parent.wait()
    _until(lambda: not any(psutil.pid_exists(worker) for worker in workers))

    assert _started(here).wait() == 0

    assert [trial.number for trial in _results(here)] == [0, 1, 2, 3, 4]
    assert sorted(collections.Counter(x for _, x in here.diary()).values()) == [1, 1, 1, 2, 2]


@pytest.mark.slow
def test_when_the_parent_is_told_to_end_the_workers_give_their_trials_back(cheap):
    here, others = cheap(trials=3, sleep_s=20), set(psutil.Process().children())

    def tell() -> None:
        _until(lambda: len(here.diary()) == 2)
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Preempted), _meanwhile(tell):
        _run(here, workers=2)

    trials = here.search().study.get_trials()
    assert set(psutil.Process().children()) <= others
    waiting = [trial for trial in trials if trial.state is TrialState.WAITING]
    assert len(waiting) == 2 and all(trial.user_attrs["retry"]["deaths"] == 0 for trial in waiting)
    assert not [trial for trial in trials if trial.state is TrialState.RUNNING]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trouble", "kind", "says"),
    [
        ("config", ConfigError, "x is wrong"),
        ("bug", StepFailed, "ZeroDivisionError: division by zero.*the traceback is in .*worker-[01].log"),
        ("start", StepFailed, "(?s)a worker cannot start.*last words.*there is no such thing"),
    ],
)
def test_what_would_end_every_worker_ends_the_search_with_that_error(cheap, trouble, kind, says):
    here, others = cheap(trials=4, trouble=trouble), set(psutil.Process().children())

    with pytest.raises(kind, match=f"(?s){says}"):
        _run(here, here.search(trouble=""), workers=2)

    assert set(psutil.Process().children()) <= others


def test_the_cores_are_divided_among_the_workers_and_each_has_at_least_one():
    assert set(pool.threads(2, num_cores=8).values()) == {"4"}
    assert set(pool.threads(20, num_cores=2).values()) == {"1"}
    assert "TF_NUM_INTRAOP_THREADS" in pool.threads(1)


@pytest.mark.slow
def test_a_worker_imports_no_tensorflow():
    code = "import components.tune.running.worker, components.tune.running.testing, sys; print(*sys.modules)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "optuna" in said.stdout.split() and "tensorflow" not in said.stdout.split()
