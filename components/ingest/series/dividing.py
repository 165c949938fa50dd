"""Series divided by time, so that no training window shares a step with a window that is held out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from components.ingest.series.clock import name_of
from components.ingest.series.regular import Series
from components.ingest.splitting import lengths_by_time
from estafet.errors import DataError
from estafet.records.manifest import Segment, WindowSpec
from estafet.records.windows import starts_of
from estafet.runfile.data import Data

SPLITS = ("train", "validation", "test")
Part = tuple[Segment, slice]
"""What a split holds of a series, and which of its steps these are."""


def divide(series: Series, data: Data) -> dict[str, Part]:
    """Divide a series into the oldest steps, those after them, and the newest.

    Validation and test begin with `lookback` steps of context from before them, so that each of their own steps can be
    forecast; training ends before those of what comes next. Validation and test share them: what was forecast in one
    is looked back on in the other, as it will be when the model serves.

    Raises:
        DataError: A split is too short for one window.
    """
    lookback, num_steps = data.window.lookback, len(series)
    num_train, num_validation = lengths_by_time(num_steps, data.split)
    test_start = num_train + num_validation
    own = {"train": (0, num_train - lookback), "validation": (num_train, test_start), "test": (test_start, num_steps)}
    needed = {split: data.window.horizon + (lookback if split == "train" else 0) for split in SPLITS}
    for split, (start, end) in own.items():
        if end - start < needed[split] and getattr(data.split, split) > 0:
            raise _too_short(series, data, split, max(0, end - start), needed[split], num_train)
    parts = {}
    for split, (start, end) in own.items():
        num_context = lookback if split != "train" and end > start else 0
        segment = Segment(key=series.key, num_steps=end - start + num_context, num_context_steps=num_context)
        parts[split] = (segment, slice(start - num_context, end))
    return parts


def num_overlapping(series: Series, parts: Mapping[str, Part], window: WindowSpec) -> int:
    """Count the training windows that share a step with a window of validation or test, by the steps' times.

    Args:
        series: The series.
        parts: What the splits hold of it.
        window: What a window is.
    """
    seen_times = [_times_in_windows(series, parts[split], window) for split in SPLITS[1:]]
    segment, chosen = parts["train"]
    num_seen_T = np.cumsum(np.r_[0, np.isin(series.moments[chosen], np.concatenate(seen_times))])
    starts = starts_of(segment, window)
    return int(np.sum(num_seen_T[starts + window.lookback + window.horizon] > num_seen_T[starts]))


def _times_in_windows(series: Series, part: Part, window: WindowSpec) -> np.ndarray:
    segment, chosen = part
    times_T, starts = series.moments[chosen], starts_of(segment, window)
    begun_T = np.bincount(starts, minlength=len(times_T) + 1)
    ended_T = np.bincount(starts + window.lookback + window.horizon, minlength=len(times_T) + 1)
    return times_T[np.cumsum(begun_T - ended_T)[:-1] > 0]


def _too_short(series: Series, data: Data, split: str, num_own: int, needed: int, num_train: int) -> DataError:
    lookback, horizon = data.window.lookback, data.window.horizon
    which = f"the series '{name_of(series.key)}'" if series.key else "the series"
    apart = f", {lookback} of them set apart because validation or test looks back on them" if split == "train" else ""
    left = num_train if split == "train" else num_own
    hint = f"bring more data, make data.window smaller, or give data.split.{split} a larger share"
    longest = (num_train - horizon) // 2
    if split == "train" and 1 <= longest < lookback:
        hint = f"bring more data, or set data.window.lookback to {longest} or less"
    left_out = ", or leave this series out" if series.key else ""
    return DataError(
        f"{which} is too short: {len(series):,} steps leave {left} for {split}{apart}, and a window needs {needed} "
        f"there (lookback {lookback}, horizon {horizon}).",
        hint=f"{hint}{left_out}.",
    )
