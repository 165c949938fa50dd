"""A toy search for tests: a space and a bowl whose least value is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from components.tune.study import space

TOY: dict[str, BaseDistribution] = {
    "layers": IntDistribution(1, 8),
    "rate": FloatDistribution(1e-4, 1e-1, log=True),
    "units": CategoricalDistribution([16, 32, 64]),
}


def loss(params: Mapping[str, Any]) -> float:
    """Return a bowl with its least value, 0, at a rate of 1e-2, 5 layers and 32 units."""
    far = (math.log10(params["rate"]) + 2) ** 2 + (params["layers"] - 5) ** 2 / 10
    return far + 0.1 * abs(math.log2(params["units"] / 32))


def try_out(
    study: optuna.Study,
    num_trials: int,
    distributions: Mapping[str, BaseDistribution] = TOY,
    objective: Callable[[Mapping[str, Any]], Any] = loss,
) -> list[dict[str, Any]]:
    """Run trials one after another, and return what was tried."""
    tried = []
    for _ in range(num_trials):
        trial = study.ask()
        tried.append(space.suggest(trial, distributions))
        study.tell(trial, objective(tried[-1]))
    return tried
