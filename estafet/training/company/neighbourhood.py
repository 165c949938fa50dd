"""Hyperparameters drawn around those that were found."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

from estafet.runfile.space import Range
from estafet.training.models.hyperparameters import whole


def draw(
    space: Mapping[str, Range], found: Mapping[str, Any], spread: float, generator: random.Random
) -> dict[str, Any]:
    """Return a value for each hyperparameter of a search space, near to what was found.

    Args:
        space: The ranges; what is drawn lies in them.
        found: The values to stay near to; one that is missing, or not in its range, is drawn from all of the range.
        spread: How far to go, as a share of the range (of its logarithm, where that is searched), above 0 up to 1. Of
            choices, the next ones can always be reached.
        generator: Where the random numbers come from.
    """
    return {name: _draw(space[name], found.get(name), spread, generator) for name in sorted(space)}


def _draw(range_: Range, found: Any, spread: float, generator: random.Random) -> Any:
    if range_.choices is not None:
        choices = [whole(choice) for choice in range_.choices]
        if found not in choices:
            return generator.choice(choices)
        reach, place = max(1, round(spread * len(choices))), choices.index(found)
        return generator.choice(choices[max(0, place - reach) : place + reach + 1])
    scale, back = (math.log, math.exp) if range_.scale == "log" else (float, float)
    low, high = scale(range_.low), scale(range_.high)
    if isinstance(found, int | float) and not isinstance(found, bool) and range_.low <= found <= range_.high:
        middle, width = scale(found), spread * (high - low)
        low, high = max(low, middle - width), min(high, middle + width)
    value = min(range_.high, max(range_.low, back(generator.uniform(low, high))))
    if not range_.integer:
        return value
    return min(math.floor(range_.high), max(math.ceil(range_.low), round(value)))
