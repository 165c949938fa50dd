"""Looks at a study while its trials are run, by whomever: tells of each that has ended, and how far all is."""

from __future__ import annotations

from collections.abc import Callable

from optuna.study import StudyDirection
from optuna.trial import TrialState

from components.tune.looking import pace
from components.tune.result import TrialResult
from components.tune.running.budget import counting, spent_s
from components.tune.running.results import results
from components.tune.running.search import Search
from estafet.telemetry import Progress, silent


class Watch:
    """Tells of a study's trials.

    Args:
        search: The search.
        workers: Number of processes that run trials.
        on_trial: Given each trial that has ended, once; also those that had ended before this process began.
        progress: Told how far all is.
        then_s: Seconds that will be needed after the last trial.
        foreseen: What all was expected to take; shown until a trial has ended, which tells it better.
    """

    def __init__(
        self,
        search: Search,
        *,
        workers: int = 1,
        on_trial: Callable[[TrialResult], None] = lambda trial: None,
        progress: Progress = silent,
        then_s: float = 0.0,
        foreseen: str = "",
    ):
        self._search, self._workers, self._then_s, self._foreseen = search, workers, then_s, foreseen
        self._on_trial, self._progress = on_trial, progress
        self._ended: dict[int, TrialResult] = {}
        self._line = ""

    def look(self) -> None:
        """Tell of the trials that have ended since the last time, and how far all is."""
        search = self._search
        for trial in results(search.study, search.judge):
            if trial.number not in self._ended:
                self._ended[trial.number] = trial
                self._on_trial(trial)
        self._line = pace.line(
            list(self._ended.values()),
            wanted=search.budget.wanted,
            metric=search.judge.first,
            maximised=search.study.directions[0] is StudyDirection.MAXIMIZE,
            running=sum(trial.state is TrialState.RUNNING for trial in counting(search.study)),
            workers=self._workers,
            elapsed_s=spent_s(search.study),
            hours=search.budget.hours,
            then_s=self._then_s,
        )
        if self._foreseen and not self._ended:
            self._line += f" · {self._foreseen}"
        self.within()

    def within(self, message: str = "", done: float | None = None, total: float | None = None) -> None:
        """Take what a trial in this process says of itself: which share of it is done."""
        share = min((done or 0.0) / total, 1.0) if total else 0.0
        self._progress(self._line, len(self._ended) + share, self._search.budget.wanted)
