"""The grid: the points of a space that are tried one after another, and how many there are."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

POINTS_OF_A_RANGE = 4
MOST_POINTS_OF_A_RANGE = 32


def size(distributions: Mapping[str, BaseDistribution]) -> float:
    """Return how many different configurations a space has; infinity where a range is continuous."""
    return math.prod(_size(found) for found in distributions.values())


def grid(
    distributions: Mapping[str, BaseDistribution], limit: int, seed: int, first: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return points of a grid in a shuffled order, `first` (the model's defaults) ahead of them.

    All choices are taken, and as many evenly spaced points of each range as `limit` allows, at least four. A grid that
    is larger than the limit all the same is sampled.

    Args:
        distributions: The hyperparameters.
        limit: Number of points at most.
        seed: Seed of the order.
        first: A point to begin with, if any.
    """
    axes = _axes(distributions, limit - bool(first))
    sizes = [len(axis) for axis in axes.values()]
    total = math.prod(sizes)
    chosen = random.Random(seed).sample(range(total), min(limit, total))
    points = [
        {name: axis[i] for (name, axis), i in zip(axes.items(), np.unravel_index(index, sizes), strict=True)}
        for index in chosen
    ]
    ahead = [dict(first)] if first else []
    return [*ahead, *(point for point in points if point not in ahead)][:limit]


def _axes(distributions: Mapping[str, BaseDistribution], limit: int) -> dict[str, list[Any]]:
    """Return the points of each range: the most with which the grid keeps within the limit."""
    chosen = {name: _points(found, POINTS_OF_A_RANGE) for name, found in distributions.items()}
    for count in range(POINTS_OF_A_RANGE + 1, MOST_POINTS_OF_A_RANGE + 1):
        finer = {name: _points(found, count) for name, found in distributions.items()}
        if math.prod(map(len, finer.values())) > limit:
            break
        chosen = finer
    return chosen


def _size(found: BaseDistribution) -> float:
    if isinstance(found, CategoricalDistribution):
        return len(found.choices)
    if isinstance(found, IntDistribution):
        return found.high - found.low + 1
    return 1 if found.single() else math.inf


def _points(found: BaseDistribution, count: int) -> list[Any]:
    if isinstance(found, CategoricalDistribution):
        return list(found.choices)
    if isinstance(found, IntDistribution) and found.high - found.low < count:
        return list(range(found.low, found.high + 1))
    spaced = np.geomspace if found.log else np.linspace
    points = spaced(found.low, found.high, count)
    points[0], points[-1] = found.low, found.high  # geomspace may miss them by a rounding
    if isinstance(found, IntDistribution):
        return sorted({round(point) for point in points})
    return list(dict.fromkeys(float(point) for point in points))
