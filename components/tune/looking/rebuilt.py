"""A finished search as an Optuna study in memory, made of `study.json` alone, so that Optuna's figures can be drawn.

Names and choices are escaped on the way: the figures show them as HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from components.tune.result import Study, TrialResult
from estafet.runfile.model import Hyperparameter

STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def single(study: Study) -> optuna.Study:
    """Return the study with one value for each trial: what is optimised, or the first objective of a front."""
    return _study(study, [direction(study)], lambda trial: None if trial.value is None else [trial.value])


def front(study: Study) -> optuna.Study:
    """Return the study with a value for each objective of its front; a trial that lacks one counts as failed."""

    def values(trial: TrialResult) -> list[float] | None:
        found = [trial.metrics.get(name) for name in study.objectives]
        return None if None in found else found  # type: ignore[return-value]

    return _study(study, [f"{way[:-3]}ize" for way in study.objectives.values()], values)


def direction(study: Study) -> str:
    """Return which way is better, in Optuna's word."""
    first = next(iter(study.objectives.values()), "maximise" if study.maximised else "minimise")
    return f"{first[:-3]}ize"


def distributions(study: Study) -> dict[str, BaseDistribution]:
    """Return the distribution of each hyperparameter that was searched, by its name, not escaped.

    A range is widened to what was tried: a trial of an earlier study, or of the model's defaults, may lie beyond it.
    """
    tried = {
        name: [trial.hyperparameters[name] for trial in study.trials if name in trial.hyperparameters]
        for name in study.space
    }
    return {name: _distribution(about, tried[name]) for name, about in study.space.items() if tried[name]}


def _distribution(about: dict[str, object], tried: list[Hyperparameter]) -> BaseDistribution:
    choices = about.get("choices")
    if choices is not None or any(isinstance(value, bool | str) for value in tried):
        known = [*(choices or []), *tried]  # type: ignore[misc]
        return CategoricalDistribution(list(_unique(map(_shown, known))))
    is_log = about.get("scale") == "log"
    ends = [float(value) for value in (about.get("low"), about.get("high"), *tried) if value is not None]  # type: ignore[arg-type]
    kind = IntDistribution if about.get("integer") else FloatDistribution
    low, high = min(ends), max(ends)
    if kind is IntDistribution:
        low, high = round(low), round(high)
    return kind(low, high, log=is_log and low > 0)


def _study(study: Study, directions: list[str], values: Callable[[TrialResult], list[float] | None]) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = optuna.create_study(directions=directions)
    found, trials = distributions(study), {trial.number: trial for trial in study.trials}
    bounds = sorted({text for trial in study.trials for text in trial.violations})
    nothing = create_trial(state=TrialState.FAIL)  # Optuna counts from 0: where a number is missing, it would count on
    made.add_trials(
        [
            _trial(trials[number], found, values(trials[number]), bounds) if number in trials else nothing
            for number in range(max(trials, default=-1) + 1)
        ]
    )
    return made


def _trial(
    trial: TrialResult,
    found: dict[str, BaseDistribution],
    values: list[float] | None,
    bounds: Iterable[str],
) -> FrozenTrial:
    params = {
        name: _shown(value) if isinstance(found[name], CategoricalDistribution) else value
        for name, value in trial.hyperparameters.items()
        if name in found
    }
    state = STATES[trial.state]
    is_complete = state is TrialState.COMPLETE and values is not None
    return create_trial(
        state=state if is_complete or state is not TrialState.COMPLETE else TrialState.FAIL,
        values=values if is_complete else None,
        params={escape(name): value for name, value in params.items()},
        distributions={escape(name): found[name] for name in params},
        intermediate_values=dict(enumerate(trial.curve, start=1)),
        constraints={escape(text): trial.violations.get(text, 0.0) for text in bounds},
    )


def _shown(value: Hyperparameter) -> Hyperparameter:
    return escape(value) if isinstance(value, str) else value


def _unique(values: Iterable[Hyperparameter]) -> Iterable[Hyperparameter]:
    """Return each value once; True and 1 are two."""
    return {(type(value), value): value for value in values}.values()
