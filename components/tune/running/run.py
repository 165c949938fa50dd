"""Runs a search to the end of its budget: in this process, or in several on this machine, and with other machines'."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import optuna
from optuna.trial import TrialState

from components.tune.result import TrialResult
from components.tune.running import retries
from components.tune.running.budget import EndedBy, counting, finished
from components.tune.running.interruption import Interruption, listening
from components.tune.running.job import Job
from components.tune.running.loop import run_trials
from components.tune.running.pool import Pool
from components.tune.running.search import Search
from components.tune.running.watch import Watch
from estafet.errors import ServiceUnavailable
from estafet.telemetry import Progress, silent
from estafet.training.workers.supervisor import stop_on_signals

PREPARED = "prepared"
LOGS = "worker-logs"
WAIT_S = 2.0
PREPARED_WITHIN_S = 1800.0


def run(
    search: Search,
    job: Job,
    folder: Path,
    *,
    workers: int = 1,
    on_trial: Callable[[TrialResult], None] = lambda trial: None,
    progress: Progress = silent,
    then_s: float = 0.0,
    foreseen: str = "",
) -> EndedBy:
    """Run trials until no more may begin, and wait for those that other machines still run.

    One worker is this process. Of several, each is a process, and this one only watches over them. Trials that a
    killed process left are tried again first.

    Args:
        search: The search, as this process has it: `job.search()`.
        job: How the others come to the same search.
        folder: Folder for the workers' logs.
        workers: Number of processes that run trials.
        on_trial: Given each trial that has ended, once; also those that had ended before.
        progress: Told how far all is.
        then_s: Seconds that will be needed after the last trial, for the time left that is shown.
        foreseen: What all was expected to take, which is shown until a trial has ended.

    Returns:
        `trials`, `hours` or `space`: why no more may begin.

    Raises:
        Preempted: SIGTERM or Ctrl-C; the same call goes on with the trials that are left.
        EstafetError: What would end every trial alike.
    """
    retries.take_back_orphans(search.study)
    prepare(search)
    watch = Watch(search, workers=workers, on_trial=on_trial, progress=progress, then_s=then_s, foreseen=foreseen)
    watch.look()
    while (ended := search.budget.ended_by(search.study)) is None or _is_someone_at_it(search.study):
        if ended is not None:
            time.sleep(WAIT_S)
        elif workers == 1:
            with listening() as interruption:
                with interruption.open():
                    search.begin()
                run_trials(search, interruption, on_trial=watch.look, progress=watch.within)
        else:
            _run_pool(search, job, folder, workers, watch)
        retries.take_back_orphans(search.study)
        watch.look()
    return ended


def _run_pool(search: Search, job: Job, folder: Path, workers: int, watch: Watch) -> None:
    left = search.budget.wanted - len(finished(search.study))
    with tempfile.TemporaryDirectory(prefix="estafet-tune-") as private, stop_on_signals() as stop:
        file = Path(private) / "job.json"
        job.save(file)
        Pool(search, file, folder / LOGS, stop=stop, on_tick=watch.look).run(max(1, min(workers, left)))


def _is_someone_at_it(study: optuna.Study) -> bool:
    """Return whether a process, of another machine by now, runs a trial that counts."""
    return any(trial.state is TrialState.RUNNING for trial in counting(study))


def run_as_one_of_several(search: Search, worker: int, *, progress: Progress = silent) -> EndedBy:
    """Run trials of a shared study as one worker of several machines, until no more may begin.

    Trials that others still run are left to them, and to whoever comes after all workers.

    Args:
        search: The search.
        worker: Which of the workers this is, from 0; that one prepares the study, and the others wait for it.
        progress: Told how far all is.

    Raises:
        Preempted: SIGTERM; the trial that was running is tried again by another.
        ServiceUnavailable: The first worker has not prepared the study in half an hour.
        EstafetError: What would end every trial alike.
    """
    watch = Watch(search, progress=progress)
    with listening() as interruption:
        if worker == 0:
            prepare(search)
        else:
            _wait_until_prepared(search.study, interruption)
        if search.budget.ended_by(search.study) is None:
            with interruption.open():
                search.begin()
        return run_trials(search, interruption, on_trial=watch.look, progress=watch.within)


def prepare(search: Search) -> None:
    """Put the first points into the study, once."""
    if PREPARED not in search.study.user_attrs:
        search.enqueue()
        search.study.set_user_attr(PREPARED, True)


def _wait_until_prepared(study: optuna.Study, interruption: Interruption) -> None:
    until = time.monotonic() + PREPARED_WITHIN_S
    while PREPARED not in study.user_attrs:
        interruption.check()
        if time.monotonic() > until:
            raise ServiceUnavailable(
                f"worker 0 has not prepared the study within {PREPARED_WITHIN_S / 60:g} min.",
                hint="look at its log; the cluster may have no room for it.",
            )
        time.sleep(WAIT_S)
