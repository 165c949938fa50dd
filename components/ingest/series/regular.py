"""Series whose steps are evenly spaced: missing steps are found and filled, or rows are averaged into steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from components.ingest.quality.anomalies import NUM_FIRST, Anomalies
from components.ingest.series.clock import SECOND_US, Clock, check_no_time_twice, clock_of, may_be_left_out, name_of
from components.ingest.series.frequency import DAY_US, OFF, FixedStep, Step, fixed_length, infer, named, offset_of
from components.ingest.series.reading import SeriesRows
from estafet.errors import ConfigError, DataError
from estafet.records.manifest import Anomaly, BadExample
from estafet.runfile.steps import IngestSettings

MAX_STEPS_PER_ROW = 20
MIN_STEPS_REFUSED = 100_000
"""So many steps or more, and so many for each row, are a wrong frequency and not gaps."""


@dataclass(frozen=True)
class Series:
    """One series, evenly spaced.

    Attributes:
        key: Which one it is; empty where there is only one.
        values: float32 (T, C), none missing.
        moments: Microseconds since 1970 in UTC, or whole numbers as they came, int64 (T,), rising.
        is_time: Whether they are times.
    """

    key: tuple[str, ...]
    values: np.ndarray
    moments: np.ndarray
    is_time: bool = True

    def __len__(self) -> int:
        return len(self.moments)

    def times(self, chosen: slice) -> np.ndarray:
        """Return the times of some steps as records hold them: seconds since 1970, or whole numbers; int64."""
        return self.moments[chosen] // SECOND_US if self.is_time else self.moments[chosen]


def regular_series(rows: SeriesRows, settings: IngestSettings, anomalies: Anomalies) -> list[Series]:
    """Return the series, sorted by key, each without gaps.

    A step without a value is given the one before it, so that nothing is known ahead of its time; steps before the
    first value of what is to be forecast are dropped. Sorting takes 8 bytes a row, and each series is copied in turn.

    Raises:
        ConfigError: `data.frequency` or `data.timezone` is none.
        DataError: A time occurs twice, times are on no step, a step is missing and `data.gaps` is `fail`, or a channel
            holds no number.
    """
    if settings.gaps == "resample" and settings.frequency is None:
        raise ConfigError(
            "data.gaps: resample needs data.frequency.", hint="set it to the steps' length, such as h or D."
        )
    clock = clock_of(rows, settings)
    order_N = np.lexsort((clock.utc, rows.series))
    members = np.split(order_N, np.searchsorted(rows.series[order_N], np.arange(1, len(rows.keys))))
    if settings.gaps == "resample":
        parts = _resampled(rows, clock, members, settings)
    else:
        check_no_time_twice(clock, members, rows, settings)
        parts = _on_steps(rows, clock, members, settings)
    found = []
    for key, (values_TC, utc_T, missing) in zip(rows.keys, parts, strict=True):
        _report(missing, key, utc_T, clock, settings, anomalies)
        first = int(np.argmax(~np.isnan(values_TC[:, 0])))
        filled_TC = _carry_forward(values_TC[first:], key, rows.channels)
        found.append(Series(key, filled_TC, utc_T[first:], clock.is_time))
    return found


Parts = Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]
"""For each series its values (T, C), NaN where there is none, its times in UTC (T,), and which steps were missing."""


def _on_steps(rows: SeriesRows, clock: Clock, members: list[np.ndarray], settings: IngestSettings) -> Parts:
    step = named(settings.frequency) if settings.frequency else _inferred(clock, members)
    times_N = clock.wall if step.by_wall_clock else clock.utc
    for key, chosen in zip(rows.keys, members, strict=True):
        positions_N = step.positions(times_N[chosen])
        if np.any(positions_N == OFF):
            _refuse_uneven(step, int(np.argmax(positions_N == OFF)), chosen, clock, rows, settings)
        num_steps = int(positions_N[-1]) + 1
        _check_number(num_steps, len(chosen), step.name, key)
        if num_steps == len(chosen):
            yield rows.values[chosen], clock.utc[chosen], np.zeros(0, np.int64)
            continue
        values_TC = np.full((num_steps, rows.values.shape[1]), np.nan, np.float32)
        values_TC[positions_N] = rows.values[chosen]
        grid_T = step.times(int(times_N[chosen[0]]), num_steps)
        utc_T = clock.to_utc(grid_T) if step.by_wall_clock else grid_T
        utc_T[positions_N] = clock.utc[chosen]
        is_missing_T = np.ones(num_steps, bool)
        is_missing_T[positions_N] = False
        yield values_TC, utc_T, np.flatnonzero(is_missing_T)


def _report(
    missing: np.ndarray,
    key: tuple[str, ...],
    utc_T: np.ndarray,
    clock: Clock,
    settings: IngestSettings,
    anomalies: Anomalies,
) -> None:
    walls = clock.to_wall(utc_T[missing]).tolist()
    if walls and settings.gaps == "fail":
        ways = "set data.gaps: fill, or data.frequency if the steps are longer than that, or bring the rows."
        if may_be_left_out(np.array(walls), clock):
            ways = f"if the clock was put forward in that hour, set data.timezone, such as Europe/Berlin; else {ways}"
        raise DataError(
            f"steps{_of(key)} are missing, {len(walls):,} in all, the first being {clock.text(walls[0])}.", hint=ways
        )
    if walls:
        first = tuple(
            BadExample(where=f"{name_of(key)} {clock.text(wall)}".strip(), reason="the step is missing")
            for wall in walls[:NUM_FIRST]
        )
        anomalies.note(Anomaly(column=settings.time, kind="gap", count=len(walls), first=first))


def _inferred(clock: Clock, members: list[np.ndarray]) -> Step:
    step = infer([clock.utc[chosen] for chosen in members], is_time=clock.is_time)
    if clock.timezone is None:
        return step
    fits = not any(np.any(step.positions(clock.utc[chosen]) == OFF) for chosen in members)
    if fits and not step.by_wall_clock:
        return step
    return infer([clock.wall[chosen] for chosen in members], is_time=True)


def _resampled(rows: SeriesRows, clock: Clock, members: list[np.ndarray], settings: IngestSettings) -> Parts:
    import pandas as pd

    offset = offset_of(settings.frequency)
    length = fixed_length(offset)
    by_wall_clock = length is None or length % DAY_US == 0
    times_N = clock.wall if by_wall_clock else clock.utc
    for key, chosen in zip(rows.keys, members, strict=True):
        span = int(times_N[chosen[-1]] - times_N[chosen[0]])
        _check_number(span // length if length else 0, len(chosen), offset.freqstr, key)
        index = pd.DatetimeIndex(times_N[chosen].view("datetime64[us]"))
        origin = {} if by_wall_clock else {"origin": "epoch"}
        averaged = pd.DataFrame(rows.values[chosen], index=index).resample(offset, **origin).mean()
        labels_T = averaged.index.as_unit("us").asi8.astype(np.int64)
        values_TC = np.array(averaged, np.float32)
        utc_T = clock.to_utc(labels_T) if by_wall_clock else labels_T
        yield values_TC, utc_T, np.flatnonzero(np.isnan(values_TC[:, 0]))


def _refuse_uneven(
    step: Step, place: int, chosen: np.ndarray, clock: Clock, rows: SeriesRows, settings: IngestSettings
) -> None:
    row, before = int(chosen[place]), int(chosen[max(0, place - 1)])
    time = clock.text(int(clock.wall[row]))
    if settings.frequency:
        what = f"is on no step of data.frequency: {settings.frequency}"
    elif isinstance(step, FixedStep):
        what = f"does not go on in steps of {step.name}, as most do, from {clock.text(int(clock.wall[before]))}"
    else:
        what = f"is on no step of {step.name}"
    raise DataError(
        f"{rows.places.where(row)}: the time {time}{_of(rows.keys[rows.series[row]])} {what}.",
        hint="set data.gaps: resample and data.frequency to the steps' length, such as h or D, to average what falls "
        "into one step.",
    )


def _check_number(num_steps: int, num_rows: int, name: str, key: tuple[str, ...]) -> None:
    if num_steps >= MIN_STEPS_REFUSED and num_steps > MAX_STEPS_PER_ROW * num_rows:
        raise DataError(
            f"{num_rows:,} rows{_of(key)} would become {num_steps:,} steps of {name}.",
            hint="set data.frequency to the distance of the rows, and look for a wrong time among them.",
        )


def _of(key: tuple[str, ...]) -> str:
    return f" of the series '{name_of(key)}'" if key else ""


def _carry_forward(values_TC: np.ndarray, key: tuple[str, ...], channels: tuple[str, ...]) -> np.ndarray:
    """Fill each missing value with the one before it, or, before the first one, with the first."""
    for name, channel in zip(channels, values_TC.T, strict=True):
        is_known_T = ~np.isnan(channel)
        if is_known_T.all():
            continue
        known = np.flatnonzero(is_known_T)
        if not len(known):
            raise DataError(
                f"the channel '{name}'{_of(key)} holds no number.", hint=f"put it in data.ignore: [{name}]."
            )
        last = np.searchsorted(known, np.arange(len(channel)), side="right") - 1
        channel[:] = channel[known[np.maximum(last, 0)]]
    return values_TC
