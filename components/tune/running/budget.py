"""How many trials may begin: exactly as many as were asked for, whoever runs them, and however often one was killed.

A trial counts unless it comes from an earlier study, was interrupted (it failed without a reason), was surplus (the
same), or is tried again under another number. Numbers are given in order, and what has ceased to count never counts
again. So if each process trains only a trial before which fewer than `wanted` count, no more than `wanted` are ever
trained: of those that were admitted, the one with the largest number saw all the others.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import optuna
from optuna.trial import FrozenTrial, TrialState

from components.tune.running.marks import REASON, RETRY, is_from_earlier_study

EndedBy = Literal["trials", "hours", "space"]
ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
SESSION = "session/"
NOTE_INTERVAL_S = 5.0


@dataclass(frozen=True)
class Budget:
    """When no more trials begin: whichever comes first.

    Attributes:
        trials: Number of trials, at least 1.
        hours: Hours for which trials have been running, those of processes that were killed included; None for no end.
        num_points: Number of points of a grid, of which each is tried once; None where any number can be drawn.
    """

    trials: int
    hours: float | None = None
    num_points: int | None = None

    @property
    def wanted(self) -> int:
        """How many trials there are to be, if time does not run out."""
        return self.trials if self.num_points is None else min(self.trials, self.num_points)

    def admits(self, study: optuna.Study, number: int) -> bool:
        """Return whether the trial of this number may be trained, now that it has been asked for."""
        before = [trial.number for trial in counting(study) if trial.number <= number]
        return number in before and len(before) <= self.wanted

    def ended_by(self, study: optuna.Study) -> EndedBy | None:
        """Return why no more trials may begin, or None while they may; at least one always may."""
        num_begun = sum(trial.state is not TrialState.WAITING for trial in counting(study))
        if num_begun >= self.wanted:
            return "space" if self.num_points is not None and self.num_points <= self.trials else "trials"
        if num_begun and self.hours is not None and spent_s(study) >= self.hours * 3600:
            return "hours"
        return None


def counting(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that count, in the order of their numbers: ended, running, and waiting to be tried."""
    trials = study.get_trials(deepcopy=False)
    tried_again: dict[int, int] = {}
    for trial in trials:
        if RETRY in trial.user_attrs:
            tried_again.setdefault(trial.user_attrs[RETRY]["of"], trial.number)
    return [trial for trial in trials if _counts(trial, tried_again)]


def _counts(trial: FrozenTrial, tried_again: dict[int, int]) -> bool:
    if trial.number in tried_again or is_from_earlier_study(trial):
        return False
    retry = trial.user_attrs.get(RETRY)
    if retry is not None and tried_again[retry["of"]] != trial.number:
        return False  # two processes took back the same trial
    return trial.state is not TrialState.FAIL or REASON in trial.user_attrs


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that count and have ended: complete, pruned, or failed for a reason."""
    return [trial for trial in counting(study) if trial.state in ENDED]


class Session:
    """Notes in the study from when to when this process has been running trials, so that a kill loses no time.

    Args:
        study: The study.
    """

    def __init__(self, study: optuna.Study):
        self._study, self._key, self._begun, self._noted = study, f"{SESSION}{uuid.uuid4().hex[:12]}", time.time(), 0.0
        self.note(at_once=True)

    def note(self, *, at_once: bool = False) -> None:
        """Say that it is still at it; said every few seconds at most, unless `at_once`."""
        now = time.time()
        if at_once or now - self._noted > NOTE_INTERVAL_S:
            self._noted = now
            self._study.set_user_attr(self._key, [round(self._begun, 1), round(now, 1)])


def spent_s(study: optuna.Study) -> float:
    """Return for how many seconds at least one process has been running trials of the study."""
    return covered(span for name, span in study.user_attrs.items() if name.startswith(SESSION))


def covered(spans: Iterable[Sequence[float]]) -> float:
    """Return the length of the union of intervals `[begin, end]`."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total
