"""Time series for forecasting: steps in order of time, the newest held out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from components.ingest.examples import check_bad_share
from components.ingest.features import divide, feature_names, numeric_matrix
from components.ingest.labels import regression_targets
from components.ingest.splitting import lengths_by_time
from components.ingest.tables import Table
from components.ingest.times import seconds
from estafet.errors import ConfigError, DataError
from estafet.records.manifest import BadExample
from estafet.runfile.steps import IngestSettings

MIN_KEPT_SHARE = 0.8
"""The training split gives up the steps that validation looks back on only where it keeps so much of itself."""


@dataclass(frozen=True)
class Steps:
    """Steps of a series in order.

    Attributes:
        channels: Names of the channels, the one to forecast first.
        values: Their values, float32, none missing.
        times: Seconds since 1970, int64, rising.
        num_context: How many of the first steps are there only to look back on.
        bad: Steps that had no value to forecast and were given the one before.
    """

    channels: list[str]
    values: np.ndarray
    times: np.ndarray
    num_context: int = 0
    bad: tuple[BadExample, ...] = ()

    def __len__(self) -> int:
        return len(self.times)


def steps_from(table: Table, settings: IngestSettings) -> Steps:
    """Turn a table into a series.

    A step without a value is given the one before it, so that the steps stay evenly spaced and nothing is known ahead
    of its time; steps before the first value are dropped.

    Raises:
        ConfigError: `data.label` or `data.time` is not set or not there.
        DataError: A time occurs twice, a channel is no number, or too many values are missing.
    """
    for key, meaning in (("label", "the series to forecast"), ("time", "the time of each row")):
        if getattr(settings, key) is None:
            names = ", ".join(table.columns.column_names[:10])
            raise ConfigError(f"forecasting needs data.{key}, {meaning}.", hint=f"set it to one of: {names}.")
    others, words = divide(table.columns, feature_names(table.columns.column_names, settings))
    if words:
        raise DataError(
            f"column '{words[0]}' holds words, and the channels of a series are numbers.",
            hint=f"put it in data.ignore: [{', '.join(words)}].",
        )
    times_T = seconds(table.columns.column(settings.time), settings.time, table.where)
    target_T, reasons = regression_targets(table.columns.column(settings.label), settings.label)
    order = np.argsort(times_T, kind="stable")
    _check_no_time_twice(times_T[order], order, table, settings.time)
    bad = tuple(BadExample(where=table.where(row), reason=reasons[row]) for row in sorted(reasons))
    check_bad_share(bad, len(times_T), settings.max_bad_share, what="steps of the series")
    values_TC = np.concatenate([target_T[:, None], numeric_matrix(table.columns, others)], axis=1)[order]
    values_TC[~np.isfinite(values_TC[:, 0]), 0] = np.nan
    first = int(np.argmax(~np.isnan(values_TC[:, 0])))
    return Steps([settings.label, *others], _carry_forward(values_TC[first:]), times_T[order][first:], bad=bad)


def split_steps(steps: Steps, settings: IngestSettings) -> dict[str, Steps]:
    """Divide a series into the oldest steps, those after them, and the newest.

    Validation and test begin with `lookback` steps of context from before them, so that each of their own steps can be
    forecast.

    Raises:
        DataError: A split is too short for one window.
    """
    window, num_steps = settings.window, len(steps)
    num_train, num_validation = lengths_by_time(num_steps, settings.split)
    test_start = num_train + num_validation
    trimmed = num_train - window.lookback
    train_end = trimmed if trimmed >= MIN_KEPT_SHARE * num_train else num_train
    own = {"train": num_train, "validation": num_validation, "test": num_steps - test_start}
    needed = {"train": window.lookback + window.horizon, "validation": window.horizon, "test": window.horizon}
    for split, num_own in own.items():
        if num_own < needed[split] and getattr(settings.split, split) > 0:
            raise DataError(
                f"the series is too short: {num_steps:,} steps leave {num_own} for {split}, and a window needs "
                f"{needed[split]} there (lookback {window.lookback}, horizon {window.horizon}).",
                hint=f"bring more data, make data.window smaller, or give data.split.{split} a larger share.",
            )
    parts = {"train": _part(steps, 0, train_end, 0), "test": _part(steps, test_start, num_steps, window.lookback)}
    has_validation = num_validation > 0
    parts["validation"] = _part(steps, num_train, test_start, window.lookback if has_validation else 0)
    return {split: parts[split] for split in ("train", "validation", "test")}


def _part(steps: Steps, start: int, end: int, num_context: int) -> Steps:
    chosen = slice(start - num_context, end)
    return replace(steps, values=steps.values[chosen], times=steps.times[chosen], num_context=num_context, bad=())


def _check_no_time_twice(times_T: np.ndarray, order: np.ndarray, table: Table, name: str) -> None:
    again = np.flatnonzero(np.diff(times_T) == 0)
    if len(again):
        rows = [table.where(int(order[again[0] + offset])) for offset in (0, 1)]
        value = table.columns.column(name)[int(order[again[0]])]
        raise DataError(
            f"{len(again):,} times in column '{name}' occur twice, the first being {value} ({rows[0]} and {rows[1]}).",
            hint="keep one row for each time; several series in one file are not told apart.",
        )


def _carry_forward(values_TC: np.ndarray) -> np.ndarray:
    """Fill each missing value with the one before it, or, before the first one, with the first."""
    filled_TC = values_TC.copy()
    for channel in filled_TC.T:
        known = np.flatnonzero(~np.isnan(channel))
        if not len(known):
            raise DataError("a channel of the series holds no number.", hint="put the column in data.ignore.")
        last = np.searchsorted(known, np.arange(len(channel)), side="right") - 1
        channel[:] = channel[known[np.maximum(last, 0)]]
    return filled_TC
