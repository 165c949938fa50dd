"""The staged search: at random over everything, then over the region of the best quarter, narrowed once or twice.

What is narrowed follows from the trials that ended first, and each trial is drawn by its own number. So a study that
goes on, or that several workers share, draws what one without interruption would have drawn.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from components.tune.running.budget import finished

TRIALS_TO_NARROW_TWICE = 24
LEAST_BEST = 3
LEAST_MARGIN = 0.05


def stages(num_trials: int) -> list[int]:
    """Return after how many ended trials the region is narrowed: at half, and of many trials at three quarters too."""
    half = math.ceil(num_trials / 2)
    return [half, half + math.ceil((num_trials - half) / 2)] if num_trials >= TRIALS_TO_NARROW_TWICE else [half]


def narrowed(
    trials: Sequence[FrozenTrial], distributions: Mapping[str, BaseDistribution], directions: Sequence[StudyDirection]
) -> tuple[dict[str, BaseDistribution], str]:
    """Return the region of the best quarter, and in words what became of each range.

    A range of numbers becomes what the best quarter spans, on the range's scale, and a margin: for k values, 1/(k − 1)
    of the span on both sides, which is by how much k values drawn evenly fall short of their range in the mean. Of
    choices, those stay that occur.

    Args:
        trials: Trials that ended.
        distributions: What they were drawn from.
        directions: Of the study.

    Source:
        The margin is the unbiased estimate of a uniform distribution's ends from its extreme order statistics.
    """
    best = best_quarter(trials, directions)
    found = {name: _narrowed(one, [trial.params[name] for trial in best if name in trial.params])
             for name, one in distributions.items()}  # fmt: skip
    return found, "; ".join(_said(name, distributions[name], found[name]) for name in distributions)


def best_quarter(trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]) -> list[FrozenTrial]:
    """Return the best quarter of all that ended, at least three, complete ones only, those that break no bound first.

    Of several objectives, those are best that the fewest others beat in all of them.
    """
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    losses = {trial.number: _losses(trial, directions) for trial in complete}

    def rank(trial: FrozenTrial) -> tuple[float, float, int]:
        own = losses[trial.number]
        if len(own) == 1:
            return _violation(trial), own[0], trial.number
        num_better = sum(_beats(other, own) for other in losses.values())
        return _violation(trial), num_better, trial.number

    return sorted(complete, key=rank)[: max(LEAST_BEST, math.ceil(len(trials) / 4))]


def note(study: optuna.Study, distributions: Mapping[str, BaseDistribution], num_trials: int) -> str | None:
    """Say what the search narrowed; None before it did."""
    ended, said, region = _in_order(study), [], dict(distributions)
    for stage in [stage for stage in stages(num_trials) if stage <= len(ended)]:
        region, sentence = narrowed(ended[:stage], region, study.directions)
        said.append(f"after {stage} trials the search narrowed to the best quarter's region: {sentence}")
    return "; ".join(said) or None


class StagedSampler(BaseSampler):
    """Draws at random: from everything, and then from the narrowed region. The study's own ranges stay as they are.

    Args:
        num_trials: Number of trials that the whole search may take.
        seed: Seed of all that is drawn.
    """

    def __init__(self, num_trials: int, seed: int):
        self._stages, self._seed = stages(num_trials), seed
        self._ended: dict[int, list[FrozenTrial]] = {}

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        if trial.number not in self._ended:  # a trial's region must not change while it is drawn
            self._ended = {trial.number: _in_order(study)}
        ended, region = self._ended[trial.number], {param_name: param_distribution}
        for stage in [stage for stage in self._stages if stage <= len(ended)]:
            region, _ = narrowed(ended[:stage], region, study.directions)
        seeds = [self._seed, trial.number, zlib.crc32(param_name.encode())]
        return _drawn(region[param_name], np.random.default_rng(seeds))


def _in_order(study: optuna.Study) -> list[FrozenTrial]:
    """Return the ended trials that count, in the order in which they ended."""
    whole = getattr(study, "_study", study)  # Hyperband shows a sampler only the trials of one bracket
    return sorted(finished(whole), key=lambda trial: (trial.datetime_complete, trial.number))


def _losses(trial: FrozenTrial, directions: Sequence[StudyDirection]) -> list[float]:
    signs = [-1 if direction is StudyDirection.MAXIMIZE else 1 for direction in directions]
    return [sign * value for sign, value in zip(signs, trial.values, strict=True)]


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and list(one) != list(other)


def _violation(trial: FrozenTrial) -> float:
    return sum(max(0.0, value) for value in trial.constraints.values())


def _narrowed(found: BaseDistribution, best: Sequence[Any]) -> BaseDistribution:
    if not best:
        return found
    if isinstance(found, CategoricalDistribution):
        return CategoricalDistribution([choice for choice in found.choices if choice in best] or found.choices)
    low, high, full = (_scaled(found, value) for value in (min(best), max(best), found.high))
    width = full - _scaled(found, found.low)
    margin = max((high - low) / max(1, len(best) - 1), LEAST_MARGIN * width)
    low, high = max(found.low, _back(found, low - margin)), min(found.high, _back(found, high + margin))
    if isinstance(found, IntDistribution):
        return IntDistribution(math.floor(low), math.ceil(high), log=found.log)
    return FloatDistribution(low, high, log=found.log)


def _drawn(found: BaseDistribution, generator: np.random.Generator) -> Any:
    if isinstance(found, CategoricalDistribution):
        return found.choices[generator.integers(len(found.choices))]
    if isinstance(found, FloatDistribution):
        value = _back(found, generator.uniform(_scaled(found, found.low), _scaled(found, found.high)))
        return float(min(found.high, max(found.low, value)))
    # each whole number has the half below and above it, so that the ends are drawn as often as the others
    low, high = (_scaled(found, end) for end in (found.low - 0.5, found.high + 0.5))
    return int(min(found.high, max(found.low, round(_back(found, generator.uniform(low, high))))))


def _scaled(found: FloatDistribution | IntDistribution, value: float) -> float:
    return math.log(value) if found.log else float(value)


def _back(found: FloatDistribution | IntDistribution, value: float) -> float:
    return math.exp(value) if found.log else value


def _said(name: str, before: BaseDistribution, after: BaseDistribution) -> str:
    if before == after:
        return f"{name} stays"
    if isinstance(before, CategoricalDistribution):
        return f"{name} {_listed(before)} → {_listed(after)}"
    return f"{name} {_number(before.low)}–{_number(before.high)} → {_number(after.low)}–{_number(after.high)}"


def _listed(found: CategoricalDistribution) -> str:
    return f"[{', '.join(map(str, found.choices))}]"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.2g}"
