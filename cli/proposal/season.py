"""How far apart the rows of a series are, and how long its season is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cli.proposal.columns import Column

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
STEPS = (
    ("minute", MINUTE_S, (60,)),
    ("5 minutes", 5 * MINUTE_S, (12, 288)),
    ("10 minutes", 10 * MINUTE_S, (144,)),
    ("15 minutes", 15 * MINUTE_S, (96,)),
    ("30 minutes", 30 * MINUTE_S, (48, 336)),
    ("hour", HOUR_S, (24, 168)),
    ("day", DAY_S, (7, 365)),
    ("week", 7 * DAY_S, (52,)),
    ("month", 30.4 * DAY_S, (12,)),
    ("quarter", 91.3 * DAY_S, (4,)),
    ("year", 365.25 * DAY_S, ()),
)
"""Names of steps, their seconds, and the seasons, in steps, that such series have."""
TOLERANCE = 0.1
MIN_CORRELATION = 0.1
SAME_CORRELATION = 0.9


def step_name(time: Column) -> str:
    """Return what lies between two rows, such as "week"."""
    step_s = float(np.median(np.diff(time.numbers)))
    if time.kind != "time":
        return "step"
    return next((name for name, seconds, _ in STEPS if abs(step_s / seconds - 1) < TOLERANCE), f"{step_s:g} s")


def find_season(series: Column, time: Column) -> int:
    """Return the season in rows, or 1 where none shows.

    Of the seasons that suit the step between two rows, the one after which the series' changes are most like
    themselves (changes, because a trend is like itself after any time); the shortest of several that are about as good,
    because a series that repeats each day also repeats each week.
    """
    candidates = next((seasons for name, _, seasons in STEPS if name == step_name(time)), ())
    likeness = {season: _autocorrelation(np.diff(series.numbers), season) for season in candidates}
    enough = max(MIN_CORRELATION, SAME_CORRELATION * max(likeness.values(), default=0))
    return next((season for season in candidates if likeness[season] >= enough), 1)


def _autocorrelation(changes_T: np.ndarray, lag: int) -> float:
    """Correlate a series with itself `lag` steps later; 0 where it is shorter than two seasons, or constant."""
    if len(changes_T) < 2 * lag:
        return 0.0
    earlier_T, later_T = changes_T[:-lag], changes_T[lag:]
    present_T = np.isfinite(earlier_T) & np.isfinite(later_T)
    if present_T.sum() < 3 or earlier_T[present_T].std() == 0 or later_T[present_T].std() == 0:
        return 0.0
    return float(np.corrcoef(earlier_T[present_T], later_T[present_T])[0, 1])
