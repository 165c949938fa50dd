"""What a forecaster is told of the time of each step: where it stands in the day, the week, the month and the year."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

DAY_S = 86_400


def num_channels(names: Sequence[str]) -> int:
    """Return how many channels the calendar features of these names take: a sine and a cosine for each."""
    return 2 * len(names)


def channel_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return what the channels are called, in their order."""
    return tuple(f"{name}_{wave}" for name in names for wave in ("sin", "cos"))


def features(times: np.ndarray | tf.Tensor, names: Sequence[str]) -> np.ndarray | tf.Tensor:
    """Return calendar features of times, for a NumPy array or, in graph or eagerly, a tensor.

    Args:
        times: Seconds since 1970 in UTC, int64 of any shape, also before 1970.
        names: `hour` (the time of the day, to the second), `weekday`, `day` (of the month), `month`.

    Returns:
        float32 of the shape of `times` and one axis more: for each name the sine and the cosine of 2π times the share
        of its cycle that is over.
    """
    shares = [_share_of_cycle(times, name) for name in names]
    if isinstance(times, np.ndarray):
        angles = [2 * math.pi * share for share in shares]
        waves = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
        return np.stack(waves, axis=-1).astype(np.float32)
    import tensorflow as tf

    angles = [2 * math.pi * share for share in shares]
    return tf.cast(tf.stack([wave(angle) for angle in angles for wave in (tf.sin, tf.cos)], axis=-1), tf.float32)


def month_and_day(days: np.ndarray | tf.Tensor) -> tuple[np.ndarray | tf.Tensor, np.ndarray | tf.Tensor]:
    """Return the month (1 to 12) and the day of the month (1 to 31) of the Gregorian calendar.

    Args:
        days: Days since 1970-01-01, int64 of any shape, also before it.

    Source:
        Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`: years are counted from March,
        so that a leap day is the last of its year, and in eras of 400 years, which have 146,097 days each.
    """
    day_of_era = (days + 719_468) % 146_097
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    return (month_from_march + 2) % 12 + 1, day_of_year - (153 * month_from_march + 2) // 5 + 1


def _share_of_cycle(times: np.ndarray | tf.Tensor, name: str) -> np.ndarray | tf.Tensor:
    days = times // DAY_S
    if name == "hour":
        return _as_float64(times % DAY_S) / DAY_S
    if name == "weekday":
        return _as_float64((days + 3) % 7) / 7  # 1970-01-01 was a Thursday, three days after Monday
    month, day = month_and_day(days)
    return {"day": lambda: _as_float64(day - 1) / 31, "month": lambda: _as_float64(month - 1) / 12}[name]()


def _as_float64(values: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
    if isinstance(values, np.ndarray | np.generic):
        return values.astype(np.float64)
    import tensorflow as tf

    return tf.cast(values, tf.float64)
