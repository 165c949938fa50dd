"""What a search optimises: the values of a trial, what it must keep to, and which of the trials wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from components.tune import front
from components.tune.failures import no_winner
from components.tune.result import TrialResult
from estafet.errors import ConfigError, StepFailed
from estafet.runfile.optimise import COSTS, Choose, Constraint, misfit_of
from estafet.runfile.optimise import Objective as Term
from estafet.runfile.tasks import HIGHER_IS_BETTER, JUDGED_BY, Task
from estafet.runfile.tune import Tune

Metrics = Mapping[str, float]


class NotMeasured(StepFailed, KeyError):
    """A trial lacks a metric that it is judged by: a failure of the trial, and to who only looks, a missing key."""


@dataclass(frozen=True)
class Objective:
    """What is optimised.

    Attributes:
        terms: The metrics and costs that it is made of: one; several with weights; or several without, for a front.
        metric: The validation metric that is looked at after each epoch, and picks the best one.
        maximised: Whether more of `metric` is better.
        constraints: What the winner must keep to.
        chosen_by: For a front: which of its points wins.
    """

    terms: tuple[Term, ...]
    metric: str
    maximised: bool
    constraints: tuple[Constraint, ...] = ()
    chosen_by: Choose | None = None

    @classmethod
    def of(cls, settings: Tune, task: Task) -> Objective:
        """Return what the run file asks for; the task's validation metric where it does not say.

        Raises:
            ConfigError: The task has no such metric.
        """
        if found := misfit_of(settings.optimise, settings.satisfy, task):
            raise ConfigError(f"{found[1].message}.", hint=found[1].hint)
        terms = settings.optimise or (Term(metric=JUDGED_BY[task]),)
        watched = next((term for term in terms if term.metric not in COSTS), Term(metric=JUDGED_BY[task]))
        return cls(terms, watched.metric, watched.is_maximised, settings.constraints, settings.choose)

    @property
    def is_front(self) -> bool:
        """Whether several objectives stand side by side."""
        return len(self.terms) > 1 and self.terms[0].weight is None

    @property
    def is_its_curve(self) -> bool:
        """Whether what is optimised is the watched metric itself, so that a curve tells how good a trial is."""
        return len(self.terms) == 1 and self.terms[0].metric == self.metric

    @property
    def name(self) -> str:
        """What is optimised, in words."""
        if self.is_front:
            return " and ".join(term.metric for term in self.terms)
        if len(self.terms) == 1:
            return self.terms[0].metric
        signed = [(self._sign(term), f"{term.weight:g} · {term.metric}") for term in self.terms]
        rest = "".join(f" {'+' if sign > 0 else '−'} {text}" for sign, text in signed[1:])
        return f"{'' if signed[0][0] > 0 else '−'}{signed[0][1]}{rest}"

    @property
    def first(self) -> str:
        """Name of the first of `values`: of a front its first metric, else what is optimised, in words."""
        return self.terms[0].metric if self.is_front else self.name

    @property
    def directions(self) -> list[str]:
        """Optuna's word for the way that is better, for each of `values`.

        A weighted sum goes the way of `metric`; what is better the other way round is taken off it.
        """
        ways = [term.is_maximised for term in self.terms] if self.is_front else [self._is_maximised]
        return ["maximize" if maximised else "minimize" for maximised in ways]

    @property
    def wanted(self) -> tuple[str, ...]:
        """The metrics and costs that a trial must measure, in the order of their names."""
        named = {self.metric, *(term.metric for term in self.terms), *(bound.metric for bound in self.constraints)}
        return tuple(sorted(named))

    @property
    def unpruned(self) -> str | None:
        """Why a trial should not be ended early, in a sentence; None where its curve says all that decides.

        A pruner sees the curve of one metric. It would end a trial whose weakness there is made up for by a cost, and
        where constraints bind, the better curves may all be of trials that break them.
        """
        if self.is_front:
            return "no trial is ended early: several objectives are optimised, which have no one order"
        if not self.is_its_curve:
            return f"no trial is ended early: {self.name} is known at its end only"
        if self.constraints:
            return "no trial is ended early: the better ones by their curves might be those that break a constraint"
        return None

    def values(self, metrics: Metrics) -> list[float]:
        """Return what the study is told of a trial: one value, or one for each objective of a front.

        Raises:
            NotMeasured: A metric is not defined on the validation split, or was not measured yet.
        """
        found = [_measured(metrics, term.metric) for term in self.terms]
        if self.is_front or len(found) == 1:
            return found
        return [sum(self._sign(term) * term.weight * value for term, value in zip(self.terms, found, strict=True))]

    def violations(self, metrics: Metrics) -> dict[str, float]:
        """Return, for each constraint, by how much a trial is beyond it; 0 or less where it keeps to it.

        Raises:
            NotMeasured: A bounded metric is not defined on the validation split, or was not measured yet.
        """
        return {str(bound): bound.violation(_measured(metrics, bound.metric)) for bound in self.constraints}

    def leading(self, metrics: Metrics) -> float:
        """Return the one value by which trials are put in order; of a front, that of the metric that chooses."""
        return _measured(metrics, self.leader.metric) if self.is_front else self.values(metrics)[0]

    @property
    def leader(self) -> Term:
        """Of a front, the objective that `choose` names, or the first; else the first term."""
        named = self.chosen_by.metric if self.chosen_by else self.terms[0].metric
        return next(term for term in self.terms if term.metric == named)

    @property
    def sides(self) -> dict[str, Literal["minimise", "maximise"]]:
        """For a front: its metrics, and which way of each is better; else nothing."""
        terms = self.terms if self.is_front else ()
        return {term.metric: "maximise" if term.is_maximised else "minimise" for term in terms}

    @property
    def leads_upwards(self) -> bool:
        """Whether more of what `leading` returns is better."""
        return self.leader.is_maximised if self.is_front else self._is_maximised

    def ranked(self, trials: Sequence[TrialResult]) -> list[TrialResult]:
        """Return the complete trials that keep to all constraints, the best by `leading` first; of equals, the first.

        For a front, those that stand on it come before the others.
        """
        sign = -1 if self.leads_upwards else 1
        able = [trial for trial in trials if trial.state == "complete" and is_feasible(trial)]
        on_front = set(self._front(able)) if self.is_front else set()
        return sorted(able, key=lambda t: (t.number not in on_front, sign * self.leading(t.metrics), t.number))

    def choose(self, trials: Sequence[TrialResult]) -> tuple[TrialResult, str, list[int]]:
        """Return the winner, why it won, and for several objectives the trials of the front.

        Raises:
            StepFailed: No trial is complete, or each of them breaks a constraint.
        """
        ranked = self.ranked(trials)
        if not ranked:
            raise no_winner(trials, self.constraints)
        kept = f" that keeps to {' and '.join(map(str, self.constraints))}" if self.constraints else ""
        if self.is_front:
            members = self._members(ranked)
            winner, why = self._choose_from_front(members)
            return winner, why, sorted(trial.number for trial in members)
        best, way = ranked[0], "greatest" if self.leads_upwards else "least"
        value = f"{self.leading(best.metrics):.4g}"
        return best, f"trial {best.number} has the {way} {self.name}, {value}, of any complete trial{kept}", []

    def _choose_from_front(self, members: list[TrialResult]) -> tuple[TrialResult, str]:
        points = [self._oriented(trial) for trial in members]
        if self.chosen_by is None:
            best = members[front.knee(points)]
            return (
                best,
                f"trial {best.number} is the one of {len(members)} on the front that is nearest to the best of all",
            )
        place = self.terms.index(self.leader)
        near = front.within(points, place, self.chosen_by.within)
        rest = [[value for i, value in enumerate(points[j]) if i != place] for j in near]
        best = members[near[front.knee(rest)]]
        bound = f"within {100 * self.chosen_by.within:g} % of the front's best {self.leader.metric}"
        if len(near) == 1:
            return best, f"trial {best.number} alone is {bound}"
        others = " and ".join(term.metric for term in self.terms if term is not self.leader)
        return best, f"of {len(near)} trials {bound}, trial {best.number} has the best {others}"

    def _members(self, trials: Sequence[TrialResult]) -> list[TrialResult]:
        on_front = set(self._front(trials))
        return sorted((trial for trial in trials if trial.number in on_front), key=lambda trial: trial.number)

    def _front(self, trials: Sequence[TrialResult]) -> list[int]:
        return [trials[i].number for i in front.undominated([self._oriented(trial) for trial in trials])]

    def _oriented(self, trial: TrialResult) -> list[float]:
        """Return the values with those negated of which more is better."""
        values = self.values(trial.metrics)
        return [-value if term.is_maximised else value for term, value in zip(self.terms, values, strict=True)]

    @property
    def _is_maximised(self) -> bool:
        return self.maximised if len(self.terms) > 1 else self.terms[0].is_maximised

    def _sign(self, term: Term) -> int:
        return 1 if term.is_maximised == self.maximised else -1


def is_feasible(trial: TrialResult) -> bool:
    """Whether a trial keeps to every constraint."""
    return not any(violation > 0 for violation in trial.violations.values())


def _measured(metrics: Metrics, name: str) -> float:
    if name not in metrics:
        higher = "" if name in COSTS else " on these validation labels (mape needs labels other than 0)"
        known = ", ".join(sorted(set(metrics) & {*HIGHER_IS_BETTER, *COSTS}))
        raise NotMeasured(
            f"the trial has no {name}: it is not defined{higher}.",
            hint=f"name another in tune.optimise and tune.satisfy; there are {known}.",
        )
    return metrics[name]
