"""The times of the steps of several series: in UTC, and on the wall's clock, by which days and months go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.ingest.series import zones
from components.ingest.series.reading import SeriesRows
from estafet.errors import ConfigError, DataError
from estafet.runfile.steps import IngestSettings

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
MONTHS_PUT_BACK, MONTHS_PUT_FORWARD = (4, 10, 11), (3, 9, 10)
"""The months in which clocks are changed, north and south of the equator."""
EPOCH_SECONDS = (10**8, 10**11)
"""Whole numbers between these are taken for seconds since 1970, where times are needed: 1973 to 5138."""


@dataclass(frozen=True)
class Clock:
    """The time of each row, in the order of the rows.

    Attributes:
        utc: Microseconds since 1970, or whole numbers as they came, int64 (N,).
        wall: The same on the wall's clock.
        is_time: Whether they are times.
        timezone: Of the wall's clock; None for UTC.
    """

    utc: np.ndarray
    wall: np.ndarray
    is_time: bool
    timezone: str | None

    def to_utc(self, wall_T: np.ndarray) -> np.ndarray:
        """Return times on the wall's clock as UTC; one that does not exist becomes the next that does."""
        return wall_T if self.timezone is None else zones.to_utc(wall_T, self.timezone, shift=True)[0]

    def to_wall(self, utc_T: np.ndarray) -> np.ndarray:
        """Return UTC as times on the wall's clock."""
        return utc_T if self.timezone is None else zones.to_local(utc_T, self.timezone)

    def text(self, wall: int) -> str:
        """Write a time for a person."""
        return as_text(wall) if self.is_time else f"{wall}"


def clock_of(rows: SeriesRows, settings: IngestSettings) -> Clock:
    """Return the times of all rows.

    Raises:
        ConfigError: There is no such time zone, or the times are plain numbers and the run file asks for more.
        DataError: A local time does not exist.
    """
    if rows.time_kind == "number":
        is_time = bool(settings.frequency or settings.calendar or settings.gaps == "resample")
        times_N = _from_seconds(rows.times, settings) if is_time else rows.times
        return Clock(times_N, times_N, is_time, None)
    if settings.timezone is None:
        return Clock(rows.times, rows.times, True, None)
    if rows.time_kind == "utc":
        return Clock(rows.times, zones.to_local(rows.times, settings.timezone), True, settings.timezone)
    utc_N = np.empty_like(rows.times)
    for i in range(len(rows.keys)):
        members = np.flatnonzero(rows.series == i)
        utc_N[members], is_none = zones.to_utc(rows.times[members], settings.timezone)
        if is_none.any():
            row = int(members[np.argmax(is_none)])
            raise DataError(
                f"{rows.places.where(row)}: the time {as_text(rows.times[row])} does not exist in "
                f"{settings.timezone}, where the clock is put forward.",
                hint="correct data.timezone; leave it out for times that are in UTC.",
            )
    return Clock(utc_N, rows.times, True, settings.timezone)


def check_no_time_twice(clock: Clock, members: list[np.ndarray], rows: SeriesRows, settings: IngestSettings) -> None:
    """Refuse a series in which a time occurs twice.

    Args:
        clock: The times.
        members: For each series its rows in order of time.
        rows: All rows.
        settings: The step's settings.

    Raises:
        DataError: One does.
    """
    again = [chosen[1:][np.diff(clock.utc[chosen]) == 0] for chosen in members]
    num_again = sum(map(len, again))
    if not num_again:
        return
    i = next(i for i, found in enumerate(again) if len(found))
    second = int(again[i][0])
    place = int(np.flatnonzero(members[i] == second)[0])
    both = [rows.places.where(int(row)) for row in members[i][[place - 1, place]]]
    more = f", and {num_again - 1:,} more" if num_again > 1 else ""
    raise DataError(
        f"times in column '{settings.time}'{_of(rows.keys[i])} occur twice: "
        f"{clock.text(int(clock.wall[second]))} ({both[0]} and {both[1]}){more}.",
        hint=_hint_for_twice(np.concatenate([clock.wall[found] for found in again]), clock, settings),
    )


def as_text(time_us: int) -> str:
    """Write microseconds since 1970 as a date, with the time of the day where it is not midnight."""
    unit = "D" if time_us % DAY_US == 0 else "s" if time_us % SECOND_US == 0 else "us"
    return str(np.int64(time_us).view("datetime64[us]").astype(f"datetime64[{unit}]")).replace("T", " ")


def name_of(key: tuple[str, ...]) -> str:
    """Return what a series is called: its key."""
    return ", ".join(key)


def _of(key: tuple[str, ...]) -> str:
    return f" of the series '{name_of(key)}'" if key else ""


def _hint_for_twice(walls_N: np.ndarray, clock: Clock, settings: IngestSettings) -> str:
    if clock.is_time and all(_is_change(wall, MONTHS_PUT_BACK) for wall in walls_N.tolist()):
        if clock.timezone is None:
            return "the clock was put back in that hour: set data.timezone, such as Europe/Berlin."
        return (
            "the clock was put back in that hour, and only the order of the rows tells which of the two it is: bring "
            "them in the order of time, or write times with their offset, such as 2026-10-25T02:30:00+02:00."
        )
    if not settings.series_by:
        return (
            "keep one row for each time; name the columns that tell several series apart in data.series_by, or average "
            "what falls into one step with data.gaps: resample and data.frequency."
        )
    return "keep one row for each time of a series, or average them with data.gaps: resample and data.frequency."


def may_be_left_out(walls_T: np.ndarray, clock: Clock) -> bool:
    """Whether all of some times may be those that local time leaves out when clocks are put forward."""
    has_zone = clock.timezone is not None or not clock.is_time
    return not has_zone and all(_is_change(wall, MONTHS_PUT_FORWARD) for wall in walls_T.tolist())


def _is_change(wall: int, months: tuple[int, ...]) -> bool:
    """Whether a time is in the night of a Sunday in one of these months."""
    days, of_day = divmod(wall, DAY_US)
    month = np.int64(days).view("datetime64[D]").astype("datetime64[M]").astype(int) % 12 + 1
    return (days + 3) % 7 == 6 and month in months and of_day < 4 * 3600 * SECOND_US


def _from_seconds(numbers_N: np.ndarray, settings: IngestSettings) -> np.ndarray:
    low, high = EPOCH_SECONDS
    if len(numbers_N) and not (low <= numbers_N.min() and numbers_N.max() < high):
        raise ConfigError(
            f"the time '{settings.time}' holds whole numbers from {numbers_N.min():,} to {numbers_N.max():,}, which "
            "are no seconds since 1970; data.frequency, data.calendar and data.gaps: resample need times.",
            hint="write them as dates, or take these keys out.",
        )
    return numbers_N * SECOND_US
