"""A search as those see it who run its trials: what to draw, what to do with it, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import optuna

from components.tune.running.budget import Budget

Report = Callable[[int, float], None]


class Measured(Protocol):
    """What a trial's training gave."""

    value_curve: Sequence[float]
    """What pruning saw, after each epoch."""
    metrics: Mapping[str, float]
    """Metrics at the best epoch, and costs."""
    epochs: int
    seconds: float
    cpu_seconds: float


class Measure(Protocol):
    """Trains a configuration and measures it."""

    def __call__(
        self, hyperparameters: Mapping[str, Any], *, report: Report, progress: Callable[..., None]
    ) -> Measured:
        """Return what was measured.

        Args:
            hyperparameters: All that the model takes.
            report: Called after each epoch with its number, from 1, and what pruning looks at; may raise
                `optuna.TrialPruned` or `Preempted`, which must come through.
            progress: Told how far the training is.

        Raises:
            StepFailed: This configuration cannot be trained to an end; the search goes on without it.
        """


class Judge(Protocol):
    """What is optimised."""

    first: str
    """Name of the first of `values`, in words."""
    maximised: bool
    """Whether more of what is reported after each epoch is better."""
    is_its_curve: bool
    """Whether that is also what is optimised."""
    leads_upwards: bool
    """Whether more of what is optimised is better."""

    def values(self, metrics: Mapping[str, float]) -> list[float]:
        """Return what the study is told; raises `StepFailed` where a metric is missing."""

    def violations(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return for each constraint by how much it is broken, 0 or less where it is kept; raises as `values` does."""


@dataclass(frozen=True)
class Search:
    """All that is needed to run trials.

    Attributes:
        study: The study, with the sampler and pruner of this process.
        budget: When no more trials begin.
        draw: Draws a trial's hyperparameters, and returns them complete: with the defaults and the fixed ones. It is
            a pure function of the study's finished trials and the sampler, so that any process can draw the next.
        measure: Trains a configuration and measures it.
        judge: What is optimised.
        partial: What was measured so far of a trial that was pruned, or None.
        begin: Loads what trials need, before the first of them begins; a process that only watches never calls it.
        enqueue: Puts points in front of what the sampler draws, once; called by one process before any trial begins.
    """

    study: optuna.Study
    budget: Budget
    draw: Callable[[optuna.Trial], Mapping[str, Any]]
    measure: Measure
    judge: Judge
    partial: Callable[[], Measured | None] = lambda: None
    begin: Callable[[], None] = lambda: None
    enqueue: Callable[[], None] = lambda: None
