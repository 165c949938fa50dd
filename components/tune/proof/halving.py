"""How candidates that are trained one after the other end early: at rungs, behind those before them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from components.tune.objective import Objective
from components.tune.proof.standing import best_until
from estafet.runfile.tune import Tune

NUM_RUNGS = 3
SHARE_OF_EPOCHS = 1 / 3


@dataclass
class Race:
    """Candidates that are trained one after the other, the best of the slice first.

    A candidate ends at the first rung at which one of those before it was better. So the first candidate is trained to
    the end, and any that overtakes all before it: as in asynchronous successive halving, but that it never goes back to
    one that was ended.

    Attributes:
        rungs: Epochs at which candidates are compared, rising; the last is that of those that come furthest.
        maximised: Whether more of what is in the curves is better.

    Source:
        Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020 (ASHA).
    """

    rungs: tuple[int, ...]
    maximised: bool
    _reached: dict[int, list[float]] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """Number of epochs of those that come furthest."""
        return self.rungs[-1]

    def ends(self, curve: Sequence[float]) -> bool:
        """Whether a candidate ends after the last epoch of its curve, which has the watched metric of each so far."""
        rung = len(curve)
        if rung >= self.epochs:
            return True
        if rung not in self.rungs:
            return False
        value = best_until(curve, rung, self.maximised)
        return any(other > value if self.maximised else other < value for other in self._reached.get(rung, []))

    def is_over(self, curve: Sequence[float]) -> bool:
        """Whether a candidate that got as far as this curve has ended there or before."""
        return any(self.ends(curve[:epochs]) for epochs in range(1, len(curve) + 1))

    def add(self, curve: Sequence[float]) -> None:
        """Let later candidates be compared with this one."""
        for rung in self.rungs:
            if rung <= len(curve):
                self._reached.setdefault(rung, []).append(best_until(curve, rung, self.maximised))


def race_for(settings: Tune, objective: Objective) -> Race:
    """Return the race of the proof.

    With halving, the furthest are trained for `proof.epochs`, by default for a third of a trial's, since an epoch of
    all data has the steps of several on a slice; rungs stand at a quarter and at half of that. So ten candidates cost
    little more than one training on all data. What is optimised must be told by the curve: a weighted sum, a cost and
    a front are known at the end only, so there all candidates are trained to it.
    """
    epochs = num_epochs(settings)
    if not settings.proof.halving:
        return Race((settings.proof.epochs or epochs,), objective.maximised)
    furthest = settings.proof.epochs or math.ceil(epochs * SHARE_OF_EPOCHS)
    if not objective.is_its_curve:
        return Race((furthest,), objective.maximised)
    rungs = {max(1, furthest // 2 ** (NUM_RUNGS - 1 - stage)) for stage in range(NUM_RUNGS)}
    return Race(tuple(sorted(rungs)), objective.maximised)


def num_epochs(settings: Tune) -> int:
    """Return the number of epochs that a trial learns from the largest part of the slice."""
    if not settings.rungs:
        return settings.epochs
    largest = max(rung.share for rung in settings.rungs)
    return sum(rung.epochs for rung in settings.rungs if rung.share == largest)
