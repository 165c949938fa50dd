"""Which trials are trained again: the best of the slice, and some that are spread over all the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from components.tune.objective import Objective, is_feasible
from components.tune.proof.standing import Course, places
from components.tune.result import TrialResult
from estafet.runfile.tune import Proof


@dataclass(frozen=True)
class Candidate:
    """A trial that is trained again.

    Attributes:
        trial: As it went on the slice.
        place: Whether it is one of the best, or drawn from the rest.
        may_win: Whether it keeps to the constraints, as far as it was measured.
    """

    trial: TrialResult
    place: Literal["best", "middle"]
    may_win: bool = True


def candidates(
    trials: Sequence[TrialResult],
    objective: Objective,
    proof: Proof,
    own: TrialResult,
    is_known: Callable[[TrialResult], bool] = lambda trial: False,
) -> list[Candidate]:
    """Return the slice's own choice, its other best trials, then those from the rest, each with the better ones first.

    Pruned trials are candidates too. Where one stands is told at the epoch where it was ended: the first trials, which
    are never pruned, may be complete and worse, so they must not take the places of those that were ahead of them. And
    among the rest, a rank correlation over good trials alone would be made of differences that do not matter. Of trials
    with the same hyperparameters only one is taken.

    Args:
        trials: All trials; failed ones are passed over.
        objective: What is optimised. Where a curve does not tell it, the best are complete ones; for a front, those
            that stand on it.
        proof: How many of each.
        own: What the slice would have chosen; for a front, the point that `choose` picked.
        is_known: Whether it is known how a trial goes on more data, from the proof of a smaller slice; all such are
            taken, since they cost nothing and make the interval narrower.
    """
    by_place = ordered(trials, objective)
    best = _once([own, *(by_place if objective.unpruned is None else objective.ranked(trials))], [])[: proof.best]
    rest = _once(by_place, best)
    drawn = _spread(rest, proof.middle)
    middle = [trial for trial in rest if trial in drawn or is_known(trial)]
    return [Candidate(trial, "best") for trial in best] + [
        Candidate(trial, "middle", _may_win(trial, objective)) for trial in middle
    ]


def standings(trials: Sequence[TrialResult], objective: Objective) -> list[float]:
    """Return how the trials stand on the slice, as `places` counts it."""
    courses = [
        Course(tuple(trial.curve), objective.leading(trial.metrics) if trial.state == "complete" else None)
        for trial in trials
    ]
    return places(courses, metric_maximised=objective.maximised, value_maximised=objective.leads_upwards)


def ordered(trials: Sequence[TrialResult], objective: Objective) -> list[TrialResult]:
    """Return the trials that did not fail as they stand on the slice, the best first; of equals, the first."""
    told = [trial for trial in trials if trial.state != "failed" and trial.curve]
    counted = zip(standings(told, objective), told, strict=True)
    return [trial for _, trial in sorted(counted, key=lambda pair: (-pair[0], pair[1].number))]


def _spread(trials: Sequence[TrialResult], num: int) -> list[TrialResult]:
    """Return the middle one of each of `num` equal parts; all where there are no more."""
    if len(trials) <= num:
        return list(trials)
    return [trials[int((part + 0.5) * len(trials) / num)] for part in range(num)]


def _once(trials: Sequence[TrialResult], taken: Sequence[TrialResult]) -> list[TrialResult]:
    seen, kept = {_key(trial) for trial in taken}, []
    for trial in trials:
        if _key(trial) not in seen:
            seen.add(_key(trial))
            kept.append(trial)
    return kept


def _key(trial: TrialResult) -> str:
    return json.dumps(trial.hyperparameters, sort_keys=True)


def _may_win(trial: TrialResult, objective: Objective) -> bool:
    """Whether it keeps to the constraints; of a pruned trial that is not known, since costs are measured at the end."""
    return is_feasible(trial) if trial.state == "complete" else not objective.constraints
