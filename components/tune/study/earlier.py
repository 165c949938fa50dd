"""Warm start: what an earlier study, of other data most likely, teaches the sampler of a new one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, create_trial

from components.tune.running.marks import EARLIER, is_from_earlier_study
from components.tune.study import sampling, space
from components.tune.study.staged import best_quarter
from estafet.runfile.earlier import EarlierStudy, EarlierTrial
from estafet.training.models.building import whole

SHOWN_OF_A_VERSION = 12


class Judge(Protocol):
    """What is optimised now, by which the earlier trials' metrics are judged."""

    def values(self, metrics: Mapping[str, float]) -> list[float]:
        """Return what the study is told; a KeyError where a metric was not measured."""

    def violations(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return for each constraint by how much it is broken."""


def warm_start(
    study: optuna.Study,
    distributions: Mapping[str, BaseDistribution],
    defaults: Mapping[str, Any],
    earlier: EarlierStudy,
    judge: Judge,
) -> str:
    """Add the trials of an earlier study that fit this one, and let the best of them be tried again on these data.

    They are marked, count in no budget, win nothing, and hold no curve that pruning would compare with. Called again
    in a study that goes on, it adds what is missing, which is nothing unless it was killed in between.

    Args:
        study: The study, of which no trial has begun.
        distributions: What is searched now.
        defaults: All other hyperparameters as they are now; an earlier trial that had another value of one does not
            fit.
        earlier: What the earlier study left.
        judge: What is optimised now.

    Returns:
        How many trials were taken over, which were not and why, in a sentence.
    """
    there = {trial.user_attrs[EARLIER] for trial in _added(study)}
    refused: Counter[str] = Counter()
    num_taken = 0
    for one in earlier.trials:
        if why := _misfit(one, distributions, defaults, judge):
            refused[why] += 1
            continue
        num_taken += 1
        if one.number not in there:
            study.add_trial(_as_trial(one, distributions, judge))
    if earlier.num_incomplete:
        refused["pruned or failed"] += earlier.num_incomplete
    if best := best_quarter(_added(study), study.directions)[:1]:
        sampling.enqueue(study, [best[0].params])
    return _said(earlier, num_taken, refused)


def _added(study: optuna.Study) -> list[FrozenTrial]:
    return [trial for trial in study.get_trials(deepcopy=False) if is_from_earlier_study(trial)]


def _misfit(
    one: EarlierTrial, distributions: Mapping[str, BaseDistribution], defaults: Mapping[str, Any], judge: Judge
) -> str | None:
    """Return why a trial is no point of the present space, in words that sort alike cases together."""
    had = {name: whole(value) for name, value in one.hyperparameters.items()}
    for name, found in distributions.items():
        if name not in had:
            return f"{name} was not searched then"
        if not space.holds(found, had[name]):
            return f"{name} outside of its range"
    for name in had.keys() - distributions.keys():
        if name not in defaults or had[name] != defaults[name]:
            return f"{name} not {defaults.get(name, 'known')}, as it is now"
    try:
        judge.values(one.metrics)
    except KeyError:
        return "what is optimised now was not measured"
    return None


def _as_trial(one: EarlierTrial, distributions: Mapping[str, BaseDistribution], judge: Judge) -> FrozenTrial:
    try:
        violations = judge.violations(one.metrics)
    except KeyError:  # what is bounded now was not measured then
        violations = {}
    return create_trial(
        params={name: whole(one.hyperparameters[name]) for name in distributions},
        distributions=dict(distributions),
        values=judge.values(one.metrics),
        constraints=violations or None,
        user_attrs={EARLIER: one.number},
    )


def _said(earlier: EarlierStudy, num_taken: int, refused: Counter[str]) -> str:
    num_all = len(earlier.trials) + earlier.num_incomplete
    said = f"{num_taken} of {num_all} trials were taken over from the study of data {_version(earlier)}"
    why = ", ".join(f"{count} {reason}" for reason, count in refused.most_common())
    return f"{said}; not taken: {why}" if why else said


def _version(earlier: EarlierStudy) -> str:
    return earlier.dataset_version[:SHOWN_OF_A_VERSION]
