"""How far apart the steps of a series are: a fixed time, calendar months, or what pandas calls a frequency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from estafet.errors import ConfigError

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
OFF = -1
"""The position of a time that is on no step."""


class Step(Protocol):
    """A regular sequence of times.

    Attributes:
        name: What the distance is called, such as `1 hour`.
        by_wall_clock: Whether it goes by local time, as days and months do, or by UTC.
    """

    name: str
    by_wall_clock: bool

    def positions(self, times_N: np.ndarray) -> np.ndarray:
        """Return how many steps each time is after the first one, int64 (N,); `OFF` where it is on no step.

        Args:
            times_N: Microseconds since 1970 (or whole numbers), rising, at least one.
        """

    def times(self, first: int, num_steps: int) -> np.ndarray:
        """Return a sequence of times that begins with `first`, int64 (num_steps,)."""


@dataclass(frozen=True)
class FixedStep:
    """Steps of one length.

    Attributes:
        length: Microseconds, or for plain numbers their unit.
        name: What it is called.
    """

    length: int
    name: str

    @property
    def by_wall_clock(self) -> bool:
        """Days go by the wall's clock: those on which it is changed have another length."""
        return self.length % DAY_US == 0

    def positions(self, times_N: np.ndarray) -> np.ndarray:
        """Return how many steps each time is after the first one."""
        steps_N, rests_N = np.divmod(times_N - times_N[0], self.length)
        return np.where(rests_N == 0, steps_N, OFF)

    def times(self, first: int, num_steps: int) -> np.ndarray:
        """Return a sequence of times."""
        return first + self.length * np.arange(num_steps, dtype=np.int64)


@dataclass(frozen=True)
class MonthStep:
    """Steps of some months: on one day of the month, or on its last.

    Attributes:
        months: 1 for months, 3 for quarters, 12 for years.
        at_end: Whether the day is counted from the month's end.
    """

    months: int
    at_end: bool = False
    by_wall_clock: bool = True

    @property
    def name(self) -> str:
        """What it is called."""
        return {1: "1 month", 3: "1 quarter", 12: "1 year"}.get(self.months, f"{self.months} months")

    def positions(self, times_N: np.ndarray) -> np.ndarray:
        """Return how many steps each time is after the first one."""
        months_N, since_start_N, to_end_N = _months(times_N)
        steps_N, rests_N = np.divmod(months_N - months_N[0], self.months)
        place_N = to_end_N if self.at_end else since_start_N
        return np.where((rests_N == 0) & (place_N == place_N[0]), steps_N, OFF)

    def times(self, first: int, num_steps: int) -> np.ndarray:
        """Return a sequence of times."""
        (month,), (since_start,), (to_end,) = _months(np.array([first]))
        months_N = month + self.months * np.arange(num_steps, dtype=np.int64)
        if self.at_end:
            return _month_start(months_N + 1) - to_end
        return _month_start(months_N) + since_start


class OffsetStep:
    """Steps of a pandas frequency, such as `B` or `W-SAT`."""

    by_wall_clock = True

    def __init__(self, offset):
        """Take a `pandas.DateOffset`."""
        self._offset, self.name = offset, offset.freqstr

    def positions(self, times_N: np.ndarray) -> np.ndarray:
        """Return how many steps each time is after the first one."""
        import pandas as pd

        first, last = times_N[[0, -1]].view("datetime64[us]")
        grid_T = _as_numbers(pd.date_range(first, last, freq=self._offset))
        positions_N = np.searchsorted(grid_T, times_N)
        is_on_N = positions_N < len(grid_T)
        is_on_N[is_on_N] = grid_T[positions_N[is_on_N]] == times_N[is_on_N]
        return np.where(is_on_N, positions_N, OFF)

    def times(self, first: int, num_steps: int) -> np.ndarray:
        """Return a sequence of times."""
        import pandas as pd

        return _as_numbers(pd.date_range(np.int64(first).view("datetime64[us]"), periods=num_steps, freq=self._offset))


def named(frequency: str) -> Step:
    """Return the steps that the run file's `data.frequency` names.

    Raises:
        ConfigError: pandas knows no such frequency.
    """
    offset = offset_of(frequency)
    length = fixed_length(offset)
    return FixedStep(length, as_duration(length)) if length else OffsetStep(offset)


def offset_of(frequency: str):
    """Return pandas' form of a frequency.

    Raises:
        ConfigError: It knows no such frequency, or it goes back in time.
    """
    from pandas.tseries.frequencies import to_offset

    try:
        offset = to_offset(frequency)
    except ValueError as error:
        raise ConfigError(
            f"data.frequency: pandas knows no frequency '{frequency}'.",
            hint="write it as pandas does: 15min, h, D, B, W-SAT, MS (first of the month), ME (last), QS, YS.",
        ) from error
    if offset is None or offset.n < 1:
        raise ConfigError(f"data.frequency: '{frequency}' is no step forward.", hint="write it like 15min, h, D or MS.")
    return offset


def fixed_length(offset) -> int | None:
    """Return the length of a pandas frequency in microseconds, or None where it depends on the calendar.

    Raises:
        ConfigError: It is shorter than a microsecond.
    """
    import pandas as pd

    if isinstance(offset, pd.offsets.Day):
        return offset.n * DAY_US
    if isinstance(offset, pd.offsets.Week):
        return offset.n * 7 * DAY_US if offset.weekday is None else None
    try:
        nanoseconds = offset.nanos
    except ValueError:
        return None
    if nanoseconds % 1000:
        raise ConfigError(f"data.frequency: '{offset.freqstr}' is no whole number of microseconds.")
    return nanoseconds // 1000


def infer(series: Sequence[np.ndarray], *, is_time: bool) -> Step:
    """Return the steps that most times show, whether or not the others are on them too.

    All series are taken together: the commonest distance between two neighbours, where the others are multiples of
    it, or working days, where no other day occurs; else whole months, if all times are on one day of the month, or as
    far from its end.

    Args:
        series: The times of each series, rising, none twice: microseconds since 1970 or whole numbers, int64.
        is_time: Whether they are times.
    """
    distances = np.concatenate([np.zeros(0, np.int64), *map(np.diff, series)])
    if not len(distances):
        return FixedStep(DAY_US if is_time else 1, "1 day" if is_time else "1")
    lengths, counts = np.unique(distances, return_counts=True)
    length = int(lengths[np.argmax(counts)])
    commonest = FixedStep(length, as_duration(length) if is_time else f"{length:,}")
    if not is_time:
        return commonest
    if np.any(lengths % length):
        return _infer_months(series) or commonest
    if length == DAY_US and 3 * DAY_US in lengths and not _has_weekend(series):
        return OffsetStep(offset_of("B"))
    return commonest


def as_duration(length_us: int) -> str:
    """Write a length of time for a person, in its largest whole unit."""
    units = {"week": 7 * DAY_US, "day": DAY_US, "hour": 3600 * SECOND_US, "minute": 60 * SECOND_US, "second": SECOND_US}
    for name, unit in units.items():
        if length_us % unit == 0:
            return f"{length_us // unit:,} {name}{'s' if length_us > unit else ''}"
    return f"{length_us / SECOND_US:,.6g} seconds"


def _infer_months(series: Sequence[np.ndarray]) -> MonthStep | None:
    parts = [_months(times_N) for times_N in series]
    distances = np.concatenate([np.diff(months_N) for months_N, _, _ in parts])
    at_day, at_end = (all(len(np.unique(part[i])) == 1 for part in parts) for i in (1, 2))
    if not (at_day or at_end) or np.any(distances == 0):
        return None
    return MonthStep(int(np.gcd.reduce(distances)), at_end=not at_day)


def _months(times_N: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return months since 1970, and the microseconds since their beginning and until their end, int64 (N,)."""
    months_N = times_N.view("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    return months_N, times_N - _month_start(months_N), _month_start(months_N + 1) - times_N


def _month_start(months_N: np.ndarray) -> np.ndarray:
    return months_N.view("datetime64[M]").astype("datetime64[us]").astype(np.int64)


def _has_weekend(series: Sequence[np.ndarray]) -> bool:
    return any(bool(np.any((times_N // DAY_US + 3) % 7 >= 5)) for times_N in series)


def _as_numbers(times) -> np.ndarray:
    return times.as_unit("us").asi8.astype(np.int64)
