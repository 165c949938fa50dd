"""How trials stand that did not all come equally far: each two are compared at the last epoch that both reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Course:
    """How far a trial came.

    Attributes:
        curve: The watched metric after each epoch.
        value: What decides between trials that were trained to the end; None for one that was ended early.
    """

    curve: tuple[float, ...]
    value: float | None


def best_until(curve: Sequence[float], epochs: int, maximised: bool) -> float:
    """Return the best value of the first epochs of a curve."""
    return (max if maximised else min)(curve[:epochs])


def places(courses: Sequence[Course], *, metric_maximised: bool, value_maximised: bool) -> list[float]:
    """Return where each trial stands: the number of others that it is better than, ties counting one half.

    Two trials that were trained to the end are compared by their values, any others by the best value of their curves
    up to the last epoch that both reached. So a trial that was ended early stands behind those that were ahead of it
    there, but not behind one that was only allowed to go on.

    Args:
        courses: The trials; each has at least one epoch.
        metric_maximised: Whether more of what is in the curves is better.
        value_maximised: Whether more of `value` is better.

    Returns:
        A count for each trial, shape (N,); more is better.
    """
    counts = [0.0] * len(courses)
    for i, one in enumerate(courses):
        for j, other in enumerate(courses[:i]):
            won = _won(one, other, metric_maximised, value_maximised)
            counts[i] += won
            counts[j] += 1 - won
    return counts


def _won(one: Course, other: Course, metric_maximised: bool, value_maximised: bool) -> float:
    """Return 1 where the first is better, 0 where the second is, and 0.5 where they are equal."""
    if one.value is not None and other.value is not None:
        a, b, maximised = one.value, other.value, value_maximised
    else:
        epochs = min(len(one.curve), len(other.curve))
        a, b = (best_until(course.curve, epochs, metric_maximised) for course in (one, other))
        maximised = metric_maximised
    return 0.5 if a == b else float((a > b) == maximised)
