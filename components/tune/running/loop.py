"""Runs trials in this process until the budget ends: ask, draw, measure, tell."""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from components.tune.running import results, retries
from components.tune.running.budget import EndedBy, Session
from components.tune.running.interruption import Interruption
from components.tune.running.marks import REASON
from components.tune.running.owners import is_shared, owning
from components.tune.running.search import Measured, Search
from estafet.errors import StepFailed
from estafet.telemetry import Progress, silent


def run_trials(
    search: Search,
    interruption: Interruption,
    *,
    on_trial: Callable[[], None] = lambda: None,
    progress: Progress = silent,
) -> EndedBy:
    """Run trials until no more may begin, and return why.

    Args:
        search: The search.
        interruption: Whether this process was told to end.
        on_trial: Called after each trial.
        progress: Told how far the trial is that is running.

    Returns:
        `trials`, `hours` or `space`.

    Raises:
        Preempted: This process was told to end; the trial that was running is left to be tried again.
        EstafetError: What would end every trial alike, such as a setting that is wrong.
    """
    session = Session(search.study)
    try:
        while (ended := search.budget.ended_by(search.study)) is None:
            interruption.check()
            if is_shared(search.study):
                retries.take_back_orphans(search.study)
            with contextlib.suppress(UpdateFinishedTrialError):  # it was taken from this process, which had hung
                _run_one(search, session, interruption, progress)
            session.note()
            on_trial()
    finally:
        session.note(at_once=True)
    return ended


def _run_one(search: Search, session: Session, interruption: Interruption, progress: Progress) -> None:
    """Run one trial, unless another process was quicker to begin the last one."""
    study = search.study
    with warnings.catch_warnings():  # Optuna says that heartbeats are for its own `optimize`
        warnings.simplefilter("ignore", UserWarning)
        trial = study.ask()
    reports = _Reports(search, trial, session, interruption)
    try:
        with owning(study, trial):
            if not search.budget.admits(study, trial.number):
                study.tell(trial, state=TrialState.FAIL)
                return
            hyperparameters = search.draw(trial)
            with interruption.open():
                measured = search.measure(hyperparameters, report=reports, progress=progress)
        _tell(search, trial, measured)
    except optuna.TrialPruned:
        results.keep(trial, search.partial() or reports.measured(), search.judge)
        study.tell(trial, state=TrialState.PRUNED)
    except StepFailed as error:
        results.keep(trial, reports.measured(), search.judge)
        trial.set_user_attr(REASON, error.message)
        study.tell(trial, state=TrialState.FAIL)
    except BaseException:
        with contextlib.suppress(Exception):  # where the storage is gone, whoever comes next finds the owner dead
            retries.give_back(study, trial.number)
        raise


def _tell(search: Search, trial: optuna.Trial, measured: Measured) -> None:
    """Tell the study how a trial ended."""
    violations = results.keep(trial, measured, search.judge)
    values = search.judge.values(measured.metrics)
    if any(map(math.isnan, (*values, *violations.values()))):  # Optuna takes none
        raise StepFailed("what is optimised or bounded is not a number (NaN)")
    for constraint, violation in violations.items():
        trial.set_constraint(constraint, violation)
    search.study.tell(trial, values)


@dataclass(frozen=True)
class _Begun:
    """What is known of a trial that did not come to its end."""

    value_curve: list[float]
    epochs: int
    seconds: float
    cpu_seconds: float
    metrics: dict[str, float] = field(default_factory=dict)


class _Reports:
    """Takes what a trial reports after each epoch, asks whether it is hopeless, and notes the time.

    Args:
        search: The search.
        trial: The trial.
        session: Where the time is noted.
        interruption: Held while the study is written to.
    """

    def __init__(self, search: Search, trial: optuna.Trial, session: Session, interruption: Interruption):
        self._search, self._trial, self._session, self._interruption = search, trial, session, interruption
        self._curve: list[float] = []
        self._begun = time.monotonic(), time.process_time()

    def __call__(self, step: int, value: float) -> None:
        with self._interruption.held():
            self._curve.append(value)
            self._session.note()
            if len(self._search.study.directions) == 1:  # of several, Optuna cannot tell who is hopeless
                self._trial.report(value, step)
                if self._trial.should_prune():
                    raise optuna.TrialPruned

    def measured(self) -> Measured:
        """Return what was reported until now, and what it took."""
        wall, cpu = self._begun
        spent = time.monotonic() - wall, time.process_time() - cpu
        return _Begun(list(self._curve), len(self._curve), *spent)
