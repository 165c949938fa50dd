"""Trials and a trainer whose learning curves are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from components.tune.result import TrialResult
from estafet.errors import StepFailed


@dataclass
class FakeTrainer:
    """Trains `x` for a curve that is given as a function of x and the share; remembers what it did.

    Attributes:
        curve: Gives the watched metric after each epoch (from 1).
        metric: The watched metric's name.
        costs: Gives what else is measured.
        broken: The values of x that cannot be trained.
    """

    curve: Callable[[float, float, int], float]
    metric: str = "rmse"
    maximised: bool = False
    costs: Callable[[float], Mapping[str, float]] = lambda x: {}
    broken: set = field(default_factory=set)
    done: list[tuple[float, int]] = field(default_factory=list)
    partial: Any = None

    def measure(self, hyperparameters, slices, *, epochs=None, report=None, progress=None, rungs=()):
        x, share = hyperparameters["x"], slices[0].train.share
        values: list[float] = []
        self.done.append((x, 0))
        if x in self.broken:
            raise StepFailed("the training diverged.")
        for epoch in range(1, epochs + 1):
            values.append(self.curve(x, share, epoch))
            self.done[-1] = (x, epoch)
            self.partial = self._measured(x, values)
            if report:
                report(epoch, values[-1])
        return self._measured(x, values)

    def _measured(self, x, values):
        best = (max if self.maximised else min)(values)
        return SimpleNamespace(
            value_curve=list(values),
            metrics={self.metric: best, **self.costs(x)},
            epochs=len(values),
            seconds=float(len(values)),
            cpu_seconds=2.0 * len(values),
        )

    @property
    def epochs(self) -> dict[float, int]:
        """Number of epochs for which each x was trained."""
        return dict(self.done)


@pytest.fixture
def trainer() -> type[FakeTrainer]:
    """Return what makes a trainer of known curves."""
    return FakeTrainer


@pytest.fixture
def slices_of() -> Callable:
    """Return what gives the slice of a share; all data are 1,000 examples."""
    return lambda share: (SimpleNamespace(train=SimpleNamespace(share=share, num_examples=int(1000 * share))),)


@pytest.fixture
def tried() -> Callable[..., TrialResult]:
    """Return what makes a trial of the slice from its curve; of less than all epochs where it was pruned."""

    def make(
        number: int, *curve: float, state: str = "complete", metric: str = "rmse", x=None, **metrics
    ) -> TrialResult:
        value = min(curve, default=None)
        return TrialResult(
            number=number,
            state=state,
            hyperparameters={"x": number if x is None else x},
            value=value,
            metrics={metric: value, **metrics} if state == "complete" else {},
            curve=list(curve),
            epochs=len(curve),
            seconds=len(curve),
            cpu_seconds=len(curve),
            reason="it diverged" if state == "failed" else None,
        )

    return make
