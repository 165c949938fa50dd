"""Warns where the best value lies on a border of what was searched, and says what to search next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

NEAR = 0.03
"""Share of a range, on its scale, that counts as its border."""
LARGEST_DROPOUT = 0.9
FEWEST_CHOICES = 3
"""Of fewer choices, each is an end."""
WIDER = 10
"""How many times further a logarithmic range is to reach."""


def on_border(best_hyperparameters: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]) -> list[str]:
    """Return a sentence for each hyperparameter whose best value lies on a border, with a wider range to try.

    Borders that nothing lies beyond are no news: a 0 below, a 1 below a whole number, 0.9 above a dropout.

    Args:
        best_hyperparameters: The winner's.
        distributions: What was searched.
    """
    found = []
    for name, one in distributions.items():
        if name in best_hyperparameters and not one.single():
            found.append(_sentence(name, best_hyperparameters[name], one))
    return [sentence for sentence in found if sentence]


def _sentence(name: str, value: Any, found: BaseDistribution) -> str | None:
    if isinstance(found, CategoricalDistribution):
        return _of_choices(name, value, found.choices)
    low, high = found.low, found.high
    place = _share(found, value)
    if place <= NEAR and not _is_natural_below(found, low):
        return _told(name, value, "lower", low, {**_range(found), "low": _below(found)})
    if place >= 1 - NEAR and not (name.endswith("dropout") and high >= LARGEST_DROPOUT):
        wider = _above(found)
        return _told(name, value, "upper", high, {**_range(found), "high": _capped(name, wider)})
    return None


def _of_choices(name: str, value: Any, choices: Sequence[Any]) -> str | None:
    numbers = all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in choices)
    if not numbers or len(choices) < FEWEST_CHOICES or value not in choices:
        return None
    ordered = sorted(choices)
    if value == ordered[-1]:
        further = _next(ordered[-2], ordered[-1])
        return _told(name, value, "largest", None, {"choices": [*ordered[1:], _capped(name, further)]})
    if value == ordered[0] and value > 0 and not (value == 1 and isinstance(value, int)):
        further = _next(ordered[1], ordered[0])
        return _told(name, value, "smallest", None, {"choices": [further, *ordered[:-1]]})
    return None


def _told(name: str, value: Any, which: str, border: float | None, wider: Mapping[str, Any]) -> str:
    place = f"on the {which} border, {_number(border)}" if border is not None else f"at the {which} of the choices"
    keys = ", ".join(f"{key}: {_written(one)}" for key, one in wider.items())
    return f"the best {name}, {_number(value)}, lies {place}; try tune.space.{name}: {{{keys}}}."


def _share(found: FloatDistribution | IntDistribution, value: float) -> float:
    scale = math.log if found.log else float
    return (scale(value) - scale(found.low)) / (scale(found.high) - scale(found.low))


def _is_natural_below(found: FloatDistribution | IntDistribution, low: float) -> bool:
    return low == 0 or (isinstance(found, IntDistribution) and low == 1)


def _below(found: FloatDistribution | IntDistribution) -> float:
    lower = found.low / WIDER if found.log else found.low - (found.high - found.low)
    lower = max(0.0, lower) if found.low > 0 else lower
    return max(1, math.floor(lower)) if isinstance(found, IntDistribution) and found.low > 0 else _round(found, lower)


def _above(found: FloatDistribution | IntDistribution) -> float:
    if isinstance(found, IntDistribution) and found.log:
        return 4 * found.high
    return _round(found, found.high * WIDER if found.log else 2 * found.high - found.low)


def _round(found: FloatDistribution | IntDistribution, value: float) -> float:
    return round(value) if isinstance(found, IntDistribution) else float(f"{value:.3g}")


def _capped(name: str, value: float) -> float:
    return min(value, LARGEST_DROPOUT) if name.endswith("dropout") else value


def _next(before: float, last: float) -> float:
    """Go on behind two choices: by their ratio where that keeps whole numbers whole, else by their distance."""
    if before > 0 and last > 0:
        further = last * last / before
        if not (isinstance(last, int) and isinstance(before, int)):
            return float(f"{further:.3g}")
        return max(1, round(further))
    return 2 * last - before if last > before else last


def _range(found: FloatDistribution | IntDistribution) -> dict[str, Any]:
    marks: dict[str, Any] = {"scale": "log"} if found.log else {}
    if isinstance(found, IntDistribution):
        marks["integer"] = True
    return {"low": found.low, "high": found.high, **marks}


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_number, value))}]"
    return str(value).lower() if isinstance(value, bool) else _number(value) if not isinstance(value, str) else value


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3g}"
