"""Ranges of the run file as Optuna's distributions, as a grid, and as values again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from estafet.errors import ConfigError
from estafet.runfile.tune import Range
from estafet.training.models.building import whole

POINTS_OF_A_RANGE = 4


def distribution(name: str, range_: Range) -> BaseDistribution:
    """Return Optuna's distribution for a range.

    Args:
        name: The hyperparameter, for the error.
        range_: Choices, or everything from low to high.

    Raises:
        ConfigError: An integer range holds no integer.
    """
    if range_.choices is not None:
        return CategoricalDistribution([whole(choice) for choice in range_.choices])
    if not range_.integer:
        return FloatDistribution(range_.low, range_.high, log=range_.log)
    low, high = int(np.ceil(range_.low)), int(np.floor(range_.high))
    if low > high:
        raise ConfigError(
            f"tune.search.{name} holds no whole number between {range_.low:g} and {range_.high:g}.",
            hint="widen the range, or set integer: false.",
        )
    return IntDistribution(low, high, log=range_.log)


def suggest(trial: optuna.Trial, distributions: Mapping[str, BaseDistribution]) -> dict[str, Any]:
    """Return a trial's value for each hyperparameter."""
    return {name: _suggest(trial, name, found) for name, found in distributions.items()}


def grid(
    distributions: Mapping[str, BaseDistribution], limit: int, seed: int, first: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return points of a grid in a shuffled order, `first` (the model's defaults) ahead of them.

    Args:
        distributions: The hyperparameters.
        limit: Number of points at most.
        seed: Seed of the order.
        first: A point to begin with, if any.
    """
    axes = {name: _points(found) for name, found in distributions.items()}
    total = int(np.prod([len(axis) for axis in axes.values()], dtype=np.float64))
    chosen = random.Random(seed).sample(range(total), min(limit, total))
    sizes = [len(axis) for axis in axes.values()]
    points = [
        {name: axis[i] for (name, axis), i in zip(axes.items(), np.unravel_index(index, sizes), strict=True)}
        for index in chosen
    ]
    ahead = [dict(first)] if first else []
    return [*ahead, *(point for point in points if point not in ahead)][:limit]


def inside(distributions: Mapping[str, BaseDistribution], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of `values` that lie in their ranges."""
    return {
        name: values[name] for name, found in distributions.items() if name in values and _holds(found, values[name])
    }


def _holds(found: BaseDistribution, value: Any) -> bool:
    if isinstance(found, CategoricalDistribution):
        return value in found.choices
    return found.low <= value <= found.high


def _suggest(trial: optuna.Trial, name: str, found: BaseDistribution) -> Any:
    if isinstance(found, CategoricalDistribution):
        return trial.suggest_categorical(name, found.choices)
    if isinstance(found, IntDistribution):
        return trial.suggest_int(name, found.low, found.high, log=found.log)
    return trial.suggest_float(name, found.low, found.high, log=found.log)


def _points(found: BaseDistribution) -> list[Any]:
    if isinstance(found, CategoricalDistribution):
        return list(found.choices)
    spaced = np.geomspace if found.log else np.linspace
    points = spaced(found.low, found.high, POINTS_OF_A_RANGE)
    points[0], points[-1] = found.low, found.high  # geomspace may miss them by a rounding
    if isinstance(found, IntDistribution):
        return sorted({round(point) for point in points})
    return list(dict.fromkeys(float(point) for point in points))
