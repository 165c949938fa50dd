"""Pareto fronts: which points are on one, and which of them to take. Points are rows of values, less being better."""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = Sequence[float]


def undominated(points: Sequence[Point]) -> list[int]:
    """Return the indices of the points that no other is as good as in everything and better in something."""
    return [i for i, point in enumerate(points) if not any(_dominates(other, point) for other in points)]


def knee(points: Sequence[Point]) -> int:
    """Return the index of the point that is nearest to the ideal one, which is the best of every objective at once.

    Each objective is measured in shares of its range over the points, so that its unit does not matter; one that does
    not vary counts for nothing. Of equals, the first.

    Source:
        The compromise solution in Euclidean distance: Yu, "A class of solutions for group decision problems", 1973;
        Zeleny, "Compromise programming", 1973.
    """
    ranges = [(min(column), max(column) - min(column)) for column in zip(*points, strict=True)]

    def distance(point: Point) -> float:
        return math.hypot(*((v - low) / span for v, (low, span) in zip(point, ranges, strict=True) if span > 0))

    return min(range(len(points)), key=lambda i: distance(points[i]))


def within(points: Sequence[Point], place: int, share: float) -> list[int]:
    """Return the indices of the points whose value at `place` is worse than the best there by at most a share of it."""
    best = min(point[place] for point in points)
    slack = share * abs(best) + 1e-12 * abs(best)  # or rounding would leave out the point that is at the bound
    return [i for i, point in enumerate(points) if point[place] <= best + slack]


def _dominates(one: Point, other: Point) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)
