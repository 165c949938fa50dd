"""Local times and UTC: the hour that the change to winter time repeats is told apart by the order of the rows."""

from __future__ import annotations

import numpy as np

from estafet.errors import ConfigError


def to_utc(local_N: np.ndarray, timezone: str, *, shift: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return local times as UTC.

    Args:
        local_N: Microseconds since 1970 on the wall's clock, int64 (N,), in the order in which they were written down;
            newest first is recognised. Of an hour that is repeated, what comes after a step back is the second one; an
            hour that shows no such step is taken as the first one.
        timezone: Such as `Europe/Berlin`.
        shift: Whether a time that the change to summer time leaves out becomes the next one that there is.

    Returns:
        Microseconds since 1970 in UTC, int64 (N,), and which rows hold a time that does not exist, bool (N,).

    Raises:
        ConfigError: There is no such time zone.
    """
    import pandas as pd

    times = pd.DatetimeIndex(np.asarray(local_N).view("datetime64[us]"))
    missing = {"nonexistent": "shift_forward" if shift else "NaT"}
    try:
        first, second = (
            times.tz_localize(timezone, ambiguous=np.full(len(times), is_summer), **missing)
            for is_summer in (True, False)
        )
    except (KeyError, ValueError, OSError) as error:
        raise ConfigError(
            f"data.timezone: there is no time zone '{timezone}'.",
            hint="write it like Europe/Berlin or America/New_York.",
        ) from error
    is_none_N = np.asarray(first.isna())
    first_N, second_N = (_microseconds(each) for each in (first, second))
    is_second_N = _in_second_hour(np.asarray(local_N), first_N != second_N)
    return np.where(is_second_N, second_N, first_N), is_none_N


def to_local(utc_N: np.ndarray, timezone: str) -> np.ndarray:
    """Return UTC as microseconds since 1970 on the wall's clock, int64 (N,)."""
    import pandas as pd

    times = pd.DatetimeIndex(np.asarray(utc_N).view("datetime64[us]")).tz_localize("UTC").tz_convert(timezone)
    return _microseconds(times.tz_localize(None))


def _microseconds(times) -> np.ndarray:
    plain = times.tz_convert("UTC").tz_localize(None) if times.tz is not None else times
    return plain.as_unit("us").asi8.astype(np.int64)


def _in_second_hour(local_N: np.ndarray, is_ambiguous_N: np.ndarray) -> np.ndarray:
    if not is_ambiguous_N.any():
        return is_ambiguous_N
    steps_N = np.diff(local_N)
    if np.sum(steps_N < 0) > np.sum(steps_N > 0):
        return _in_second_hour(local_N[::-1], is_ambiguous_N[::-1])[::-1]
    goes_back_N = np.r_[False, is_ambiguous_N[1:] & is_ambiguous_N[:-1] & (steps_N <= 0)]
    begins_N = np.r_[True, ~is_ambiguous_N[:-1] | (steps_N > _LONGEST_CHANGE_US)] & is_ambiguous_N
    counted_N = np.cumsum(goes_back_N)
    last_begin_N = np.maximum.accumulate(np.where(begins_N, np.arange(len(local_N)), 0))
    return is_ambiguous_N & (counted_N > counted_N[last_begin_N])


_LONGEST_CHANGE_US = 3 * 3_600_000_000
