"""How the next configuration is chosen: what `auto` means, Optuna's samplers, and the points that come first."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler

from components.tune.running.marks import is_from_earlier_study
from components.tune.study import grid, space
from components.tune.study.staged import StagedSampler
from estafet.errors import ConfigError
from estafet.runfile.tune import Tune

MANY_HYPERPARAMETERS = 12
TRIALS_FOR_EACH = 2
"""Measured on smooth bowls, the median of 6 to 9 seeds: with 3 to 8 hyperparameters, TPE came 1.3 to 2.6 times closer
to the best than the staged search. With 14 or 24 and fewer than two trials for each, neither was better by more than a
tenth, and the staged search draws the same however many workers there are, and says what it narrowed."""
NEEDED_BY_GP = {"torch": "PyTorch", "scipy": "SciPy"}


def chosen_search(settings: Tune, distributions: Mapping[str, BaseDistribution]) -> tuple[str, str]:
    """Return how configurations are chosen, and why, in a sentence.

    Args:
        settings: `search` and `trials` are read.
        distributions: What is searched.

    Raises:
        ConfigError: `gp` was asked for, and what it needs is not installed.
    """
    num_searched, num_points = len(distributions), grid.size(distributions)
    if settings.search == "gp":
        _check_gp()
    if settings.search != "auto":
        return settings.search, f"{settings.search} was asked for"
    if num_points <= settings.trials:
        return "grid", f"the grid has {num_points} points, and there are {settings.trials} trials"
    if num_searched >= MANY_HYPERPARAMETERS and settings.trials < TRIALS_FOR_EACH * num_searched:
        return "staged", f"{num_searched} hyperparameters are many for {settings.trials} trials"
    return "tpe", f"{num_searched} hyperparameters are few enough for a model of them, and no grid holds them"


def sampler(search: str, settings: Tune, num_finished: int, worker: int) -> BaseSampler:
    """Return Optuna's sampler, seeded so that neither a study that goes on nor another worker draws the same again.

    Args:
        search: What `chosen_search` said.
        settings: `trials` and `seed` are read.
        num_finished: Number of trials that the study has now.
        worker: Number of this process, from 0.
    """
    if search == "staged":
        return StagedSampler(settings.trials, settings.seed)  # draws by the trial's number
    seed = int(np.random.SeedSequence([settings.seed, num_finished, worker]).generate_state(1)[0])
    num_random = max(4, min(10, settings.trials // 3))
    if search == "tpe":
        return TPESampler(seed=seed, n_startup_trials=num_random)
    if search == "gp":
        return GPSampler(seed=seed, n_startup_trials=num_random)
    return RandomSampler(seed=seed)


def first_points(
    search: str, settings: Tune, distributions: Mapping[str, BaseDistribution], defaults: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the points that are tried before the sampler is asked: the defaults, and with `grid` all others too.

    Args:
        search: What `chosen_search` said.
        settings: `trials` and `seed` are read.
        distributions: What is searched.
        defaults: All hyperparameters without a search; those that lie in their ranges are tried first, so that the
            result is never worse than they are.
    """
    ahead = space.inside(distributions, defaults)
    if search == "grid":
        whole = len(ahead) == len(distributions)
        return grid.grid(distributions, settings.trials, settings.seed, first=ahead if whole else None)
    return [ahead] if ahead else []


def enqueue(study: optuna.Study, points: Sequence[Mapping[str, Any]]) -> int:
    """Put points ahead of what the sampler draws, but for those that are there already, and return how many.

    Trials of an earlier study do not count as there: they were measured on other data.
    """
    own = [trial for trial in study.get_trials(deepcopy=False) if not is_from_earlier_study(trial)]
    there = [{**trial.system_attrs.get("fixed_params", {}), **trial.params} for trial in own]
    new = [dict(point) for point in points if point and point not in there]
    for point in new:
        study.enqueue_trial(point)
    return len(new)


def _check_gp() -> None:
    missing = [package for package in NEEDED_BY_GP if importlib.util.find_spec(package) is None]
    if missing:
        raise ConfigError(
            f"tune.search is gp, which needs {' and '.join(NEEDED_BY_GP[package] for package in missing)}; "
            "Estafet does not bring it along.",
            hint=f"pip install {' '.join(missing)}, where trials run; or take tune.search: tpe, which needs neither.",
        )
