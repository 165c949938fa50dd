"""The classes in their order, and how a number is written as one."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return the different classes sorted: as numbers where all of them are, as text otherwise (NaN has no place)."""
    different = set(names)
    try:
        values = {name: float(name) for name in different}
    except ValueError:
        return tuple(sorted(different))
    if any(map(math.isnan, values.values())):
        return tuple(sorted(different))
    return tuple(sorted(different, key=lambda name: (values[name], name)))


def indices(names_N: Iterable[str], classes: tuple[str, ...]) -> np.ndarray:
    """Return the index of each class, int64 (N,)."""
    position = {name: i for i, name in enumerate(classes)}
    return np.array([position[name] for name in names_N], dtype=np.int64)


def number_as_name(value: float) -> str:
    """Write a number as a class: without a fraction where it has none, and as nothing where it is none."""
    if not np.isfinite(value):
        return ""
    return str(int(value)) if value == int(value) else repr(value)
