"""The hyperparameters of an architecture: its defaults with what is given in their place, and what is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from estafet.errors import ConfigError
from estafet.training.models.catalogue import Architecture

OF_THE_TRAINING = ("learning_rate", "batch_size")
"""Hyperparameters that belong to the training and not to the model."""
_SHARES = ("dropout", "text_dropout")
"""Hyperparameters that must be below 1."""


def whole(value: Any) -> Any:
    """Return 64 for 64.0: Kubeflow turns every number of a dict parameter into a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def merge(architecture: Architecture, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all hyperparameters of an architecture.

    Args:
        architecture: It has the defaults.
        given: Values that win over them; whole numbers as such.

    Raises:
        ConfigError: A hyperparameter is unknown, or has the wrong type or an impossible value.
    """
    for name, value in given.items():
        if name not in architecture.defaults:
            raise _unknown(architecture, name)
        if wanted := _wanted(architecture, name, value):
            example = _shown(architecture.defaults[name])
            raise ConfigError(
                f"the hyperparameter '{name}' of '{architecture.name}' must be {wanted}, not {value!r}.",
                hint=f"write one such as {example} in model.hyperparameters or tune.space.",
            )
    return {**architecture.defaults, **given}


def _unknown(architecture: Architecture, name: str) -> ConfigError:
    known = [*architecture.defaults, *OF_THE_TRAINING]
    near = difflib.get_close_matches(name, known, n=1)
    return ConfigError(
        f"'{architecture.name}' has no hyperparameter '{name}'; it has {', '.join(known)}.",
        hint=f"did you mean '{near[0]}'?" if near else "correct model.hyperparameters or tune.space.",
    )


def _wanted(architecture: Architecture, name: str, value: Any) -> str:
    """Return what a value must be, or nothing where it is."""
    default = architecture.defaults[name]
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "true or false"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    least, kind = int(name in architecture.positive), "whole number" if isinstance(default, int) else "number"
    below = " and below 1" if name in _SHARES else ""
    fits = is_number and value >= least and not (isinstance(default, int) and isinstance(value, float))
    return "" if fits and not (below and value >= 1) else f"a {kind} of at least {least}{below}"


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
