"""Trains candidates again on more data, lets the best of those win, and says whether the slice ranked them rightly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.tune.looking import pace
from components.tune.objective import Objective
from components.tune.proof.agreement import kendall, spearman
from components.tune.proof.candidates import Candidate, candidates, standings
from components.tune.proof.halving import race_for
from components.tune.proof.retraining import Retrained, Retraining
from components.tune.proof.standing import Course, best_until, places
from components.tune.proof.verdict import Found, regret, verdict
from components.tune.result import ProofResult, Reranked, TrialResult
from estafet.runfile.tune import Tune
from estafet.telemetry import Progress, silent

if TYPE_CHECKING:
    from components.tune.slices import Slice
    from components.tune.training import Trainer

Pair = tuple[Candidate, Retrained]


def prove(
    study_trials: Sequence[TrialResult],
    objective: Objective,
    trainer: Trainer,
    settings: Tune,
    slices_of: Callable[[float], tuple[Slice, ...]],
    complete: Callable[[dict], dict],
    *,
    folder: Path,
    slice_share: float | None = None,
    progress: Progress = silent,
) -> ProofResult:
    """Train the best trials and some of the rest again, and compare.

    The winner is the best of those that came furthest. The slice's own choice is trained first and to the end, unless
    it fails, so regret is told at the same number of epochs. Constraints were looked at on the slice, and are not
    looked at again. Of a front all candidates are trained to the end, and `choose` picks from their new values.

    Args:
        study_trials: The trials, as they went on the slice.
        objective: What is optimised.
        trainer: Trains and measures.
        settings: The `tune` section.
        slices_of: Gives what is learned from, for a share of the training split.
        complete: Adds what was not searched to a trial's hyperparameters.
        folder: Keeps each finished training, so that a killed proof goes on.
        slice_share: The slice's share of the training split, where the run file leaves it open.
        progress: Told how far it is.

    Raises:
        StepFailed: The slice has no winner.
    """
    own, _, _ = objective.choose(study_trials)
    slices = slices_of(settings.proof.share)
    retraining = Retraining(trainer, slices, race_for(settings, objective), Path(folder), settings.seed)

    def is_known(trial: TrialResult) -> bool:
        return retraining.knows(complete(dict(trial.hyperparameters)))

    chosen = candidates(study_trials, objective, settings.proof, own, is_known)
    pairs = _train_all(chosen, retraining, complete, objective, progress)
    share = slice_share or (settings.proof.share if settings.subsample.share == "auto" else settings.subsample.share)
    return _Compared(pairs, objective, retraining.race.epochs, own.number).result(settings, slices, share)


def _train_all(
    chosen: Sequence[Candidate],
    retraining: Retraining,
    complete: Callable[[dict], dict],
    objective: Objective,
    progress: Progress,
) -> list[Pair]:
    pairs: list[Pair] = []
    metric = objective.leader.metric if objective.is_front else objective.name
    for place, candidate in enumerate(chosen):
        number = candidate.trial.number

        def told(message: str, done: float | None = None, total: float | None = None, *, at=place, trial=number):
            best = _best_so_far(pairs, objective)
            line = pace.proof_line(at + 1, len(chosen), trial=trial, best=best, metric=metric)
            progress(line, at + (done or 0) / (total or 1), len(chosen))

        found = retraining.train(complete(dict(candidate.trial.hyperparameters)), told)
        if candidate.may_win and not found.failed:
            retraining.race.add(found.curve)
        pairs.append((candidate, found))
    progress("proof", len(chosen), len(chosen))
    return pairs


def _best_so_far(pairs: Sequence[Pair], objective: Objective) -> float | None:
    values = [objective.leading(found.metrics) for _, found in pairs if found.metrics]
    return (max if objective.leads_upwards else min)(values, default=None)


class _Compared:
    """Candidates after their training on more data."""

    def __init__(self, pairs: Sequence[Pair], objective: Objective, epochs: int, own: int):
        self.objective, self.epochs, self.own = objective, epochs, own
        self.failed = {candidate.trial.number: found.failed for candidate, found in pairs if found.failed}
        self.pairs = [(candidate, found) for candidate, found in pairs if not found.failed]
        self.seconds = sum(found.seconds for _, found in pairs)
        self.cpu_seconds = sum(found.cpu_seconds for _, found in pairs)

    def result(self, settings: Tune, slices: tuple[Slice, ...], slice_share: float) -> ProofResult:
        """Return what the proof found."""
        standing = self._standing()
        on_slice = standings([candidate.trial for candidate, _ in self.pairs], self.objective)
        rho, winner = spearman(on_slice, standing), self._winner()
        lost = self._regret(winner)
        share = settings.proof.share
        grows = settings.subsample.share == "auto"
        found = Found(len(self.pairs), rho, lost, self.own, winner, slice_share, share, self.failed, grows)
        order = sorted(range(len(self.pairs)), key=lambda i: (self._number(i) != winner, -standing[i]))
        return ProofResult(
            share=share,
            num_examples=slices[0].train.num_examples,
            epochs_compared=min((len(again.curve) for _, again in self.pairs), default=0),
            reranked=[self._reranked(*self.pairs[i]) for i in order],
            rho=rho,
            tau=kendall(on_slice, standing),
            slices_own=self.own,
            winner=winner,
            regret=1.0 if lost is None else lost,
            enough=found.enough,
            verdict=verdict(found),
            failed=self.failed,
            seconds=round(self.seconds, 3),
            cpu_seconds=round(self.cpu_seconds, 3),
        )

    def _standing(self) -> list[float]:
        courses = [
            Course(tuple(found.curve), self._value(found) if self._is_complete(found) else None)
            for _, found in self.pairs
        ]
        objective = self.objective
        return places(courses, metric_maximised=objective.maximised, value_maximised=objective.leads_upwards)

    def _winner(self) -> int:
        """Return the best of those that were trained to the end; the slice's own choice where there is none."""
        able = [(c.trial, found) for c, found in self.pairs if c.may_win and self._is_complete(found)]
        if not able:
            return self.own
        again = [_as_trained_again(trial, found.metrics) for trial, found in able]
        if self.objective.is_front:
            return self.objective.choose(again)[0].number
        sign = -1 if self.objective.leads_upwards else 1
        return min(again, key=lambda trial: sign * self.objective.leading(trial.metrics)).number  # of equals, the first

    def _regret(self, winner: int) -> float | None:
        """Return how much worse the slice's own choice is; None where it failed."""
        if self.own in self.failed:
            return None
        values = {c.trial.number: self._value(found) for c, found in self.pairs if self._is_complete(found)}
        return regret(values[self.own], values[winner], self.objective.leads_upwards) if winner in values else 0.0

    def _reranked(self, candidate: Candidate, found: Retrained) -> Reranked:
        trial, objective = candidate.trial, self.objective
        complete = trial.state == "complete"
        return Reranked(
            number=trial.number,
            place=candidate.place,
            on_slice=objective.leading(trial.metrics) if complete else _best(trial.curve, objective),
            curve=found.curve,
            value=self._value(found),
            epochs=found.epochs,
            seconds=found.seconds,
            cpu_seconds=found.cpu_seconds,
        )

    def _value(self, found: Retrained) -> float:
        return self.objective.leading(found.metrics) if found.metrics else _best(found.curve, self.objective)

    def _is_complete(self, found: Retrained) -> bool:
        return len(found.curve) >= self.epochs and bool(found.metrics)

    def _number(self, index: int) -> int:
        return self.pairs[index][0].trial.number


def _best(curve: Sequence[float], objective: Objective) -> float:
    return best_until(curve, len(curve), objective.maximised)


def _as_trained_again(trial: TrialResult, metrics: Mapping[str, Any]) -> TrialResult:
    return trial.model_copy(update={"metrics": dict(metrics), "state": "complete", "violations": {}})
