"""What is searched: the run file's ranges, or those that the model suggests, as Optuna's distributions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from estafet.errors import ConfigError
from estafet.runfile.space import Range
from estafet.runfile.steps import TuneSettings
from estafet.training import models
from estafet.training.models import ModelSpec
from estafet.training.models.building import check_hyperparameters, whole

DEFAULT_LEARNING_RATE = 1e-3


def distributions(settings: TuneSettings, spec: ModelSpec) -> dict[str, BaseDistribution]:
    """Return what is searched, by name.

    They stand in the order of their names: Kubeflow hands maps over in any order, and samplers draw in the order that
    they are given. What `model.hyperparameters` fixes is left out.

    Args:
        settings: `space` has the ranges; where it is empty, the model's own are taken.
        spec: The data set, on which the model's hyperparameters depend.

    Raises:
        ConfigError: A hyperparameter is unknown, a range holds a value that it cannot take, or nothing is left to
            search.
    """
    known, fixed = defaults(settings, spec), settings.model.hyperparameters
    ranges = settings.space or models.search_space(spec, settings.model.build)
    check_hyperparameters(spec, settings.model.build, dict(fixed))
    found = {}
    for name in sorted(ranges):
        one = distribution(name, ranges[name], integer=_is_whole(known.get(name)))
        _check(settings, spec, name, one)
        if name not in fixed:
            found[name] = one
    if all(one.single() for one in found.values()):
        raise _nothing_left(sorted(ranges), sorted(fixed))
    return found


def distribution(name: str, range_: Range, *, integer: bool = False) -> BaseDistribution:
    """Return Optuna's distribution for a range.

    Args:
        name: The hyperparameter, for the error.
        range_: Choices, or everything from low to high.
        integer: Whether the hyperparameter is a whole number by itself, whatever the range says.

    Raises:
        ConfigError: A range of whole numbers holds none.
    """
    if range_.choices is not None:
        choices = [whole(choice) for choice in range_.choices]
        return CategoricalDistribution(list({(type(choice), choice): choice for choice in choices}.values()))
    if not (integer or range_.integer):
        return FloatDistribution(range_.low, range_.high, log=range_.scale == "log")
    low, high = math.ceil(range_.low), math.floor(range_.high)
    if low > high:
        raise ConfigError(
            f"tune.space.{name} holds no whole number between {range_.low:g} and {range_.high:g}.",
            hint=f"widen the range, such as {{low: {math.floor(range_.low)}, high: {math.ceil(range_.high)}}}.",
        )
    return IntDistribution(low, high, log=range_.scale == "log")


def defaults(settings: TuneSettings, spec: ModelSpec) -> dict[str, Any]:
    """Return all hyperparameters as they are without a search: the model's and the training's, and what is fixed."""
    return {
        **models.default_hyperparameters(spec, settings.model.build),
        "learning_rate": DEFAULT_LEARNING_RATE,
        "batch_size": settings.batch_size,
        **{name: whole(value) for name, value in settings.model.hyperparameters.items()},
    }


def suggest(trial: optuna.Trial, searched: Mapping[str, BaseDistribution]) -> dict[str, Any]:
    """Return a trial's value for each hyperparameter."""
    return {name: _suggest(trial, name, found) for name, found in searched.items()}


def inside(searched: Mapping[str, BaseDistribution], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of `values` that lie in their ranges."""
    return {name: values[name] for name, found in searched.items() if name in values and holds(found, values[name])}


def holds(found: BaseDistribution, value: Any) -> bool:
    """Return whether a value lies in a distribution; True is no 1."""
    if isinstance(found, CategoricalDistribution):
        return any(value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in found.choices)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return found.low <= value <= found.high and (isinstance(found, FloatDistribution) or float(value).is_integer())


def described(searched: Mapping[str, BaseDistribution]) -> dict[str, dict[str, object]]:
    """Return what is searched as plain values: for each hyperparameter low, high, scale, integer; or its choices."""
    return {name: _described(found) for name, found in searched.items()}


def _described(found: BaseDistribution) -> dict[str, object]:
    if isinstance(found, CategoricalDistribution):
        return {"choices": list(found.choices)}
    scale, integer = "log" if found.log else "linear", isinstance(found, IntDistribution)
    return {"low": found.low, "high": found.high, "scale": scale, "integer": integer}


def _suggest(trial: optuna.Trial, name: str, found: BaseDistribution) -> Any:
    if isinstance(found, CategoricalDistribution):
        return trial.suggest_categorical(name, found.choices)
    if isinstance(found, IntDistribution):
        return trial.suggest_int(name, found.low, found.high, log=found.log)
    return trial.suggest_float(name, found.low, found.high, log=found.log)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check(settings: TuneSettings, spec: ModelSpec, name: str, found: BaseDistribution) -> None:
    """Refuse a range with an end or a choice that the hyperparameter cannot take, before anything is trained."""
    for value in found.choices if isinstance(found, CategoricalDistribution) else (found.low, found.high):
        check_hyperparameters(spec, settings.model.build, {name: value})
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if name == "learning_rate" and not (is_number and value > 0):
            raise _impossible(name, value, "a number above 0", DEFAULT_LEARNING_RATE)
        if name == "batch_size" and not (is_number and isinstance(value, int) and value >= 1):
            raise _impossible(name, value, "a whole number of at least 1", settings.batch_size)


def _impossible(name: str, value: Any, wanted: str, otherwise: float) -> ConfigError:
    return ConfigError(
        f"tune.space.{name} holds {value!r}, but {name} must be {wanted}.",
        hint=f"correct tune.space.{name}, or leave it out; it is {otherwise:g} then.",
    )


def _nothing_left(named: list[str], fixed: list[str]) -> ConfigError:
    taken = [name for name in named if name in fixed]
    if taken:
        why = f"model.hyperparameters fixes {', '.join(taken)}"
        hint = f"take {taken[0]} out of model.hyperparameters, or set tune.enabled: false."
    else:
        why = f"tune.space gives one value only for {', '.join(named)}"
        hint = f"widen tune.space.{named[0]}, or put the values into model.hyperparameters and set tune.enabled: false."
    return ConfigError(f"there is nothing left to search: {why}.", hint=hint)
