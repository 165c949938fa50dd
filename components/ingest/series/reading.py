"""The rows of a table as steps of series: what each column is for, and which rows cannot be used."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.batches import Batch, Problem, Table
from components.ingest.columns import as_numpy
from components.ingest.features import divide, feature_names, numeric_matrix
from components.ingest.pace import Pace
from components.ingest.quality.anomalies import Anomalies
from components.ingest.quality.profile import TableProfile
from components.ingest.quality.validation import Validator
from components.ingest.rows.labels import check_targets, target_labels
from components.ingest.times import TimeReader, not_a_time
from estafet.errors import ConfigError, DataError
from estafet.runfile.steps import IngestSettings
from estafet.telemetry import Progress

NUM_SHOWN = 3


class Places:
    """Where rows stand in their files."""

    def __init__(self):
        """Begin without rows."""
        self._firsts: list[int] = []
        self._batches: list[Batch] = []
        self._kept: list[np.ndarray | None] = []
        self._num_rows = 0

    def add(self, batch: Batch, kept: np.ndarray) -> None:
        """Take in the rows of a batch that are kept, bool (N,)."""
        self._firsts.append(self._num_rows)
        self._batches.append(replace(batch, columns=batch.columns.slice(0, 0), problems=(), lines=()))
        self._kept.append(None if kept.all() else np.flatnonzero(kept))
        self._num_rows += int(kept.sum())

    def where(self, row: int) -> str:
        """Say in which file a row is, and where in it."""
        part = bisect_right(self._firsts, row) - 1
        row -= self._firsts[part]
        kept = self._kept[part]
        return self._batches[part].where(row if kept is None else int(kept[row]))


@dataclass(frozen=True)
class SeriesRows:
    """The rows of all series, in the order in which they were read.

    Attributes:
        channels: The columns that are channels, the one to forecast first.
        values: Their values, float32 (N, C); NaN where there is none.
        times: Microseconds since 1970, or whole numbers as they came, int64 (N,).
        time_kind: `utc`, `local` where no time zone is named, or `number`.
        series: Which series each row belongs to, int32 (N,).
        keys: For each series the values of `data.series_by`, sorted.
        places: Where the rows stand.
        num_rows: Number of rows in the source, with those that are left out.
        profile: What the columns are like.
    """

    channels: tuple[str, ...]
    values: np.ndarray
    times: np.ndarray
    time_kind: str
    series: np.ndarray
    keys: tuple[tuple[str, ...], ...]
    places: Places
    num_rows: int
    profile: TableProfile


def channels_of(schema: pa.Schema, settings: IngestSettings) -> tuple[str, ...]:
    """Return the columns that are channels, the one to forecast first.

    Raises:
        ConfigError: `data.label` or `data.time` is not set, or a column is not there.
        DataError: A channel holds no numbers.
    """
    for key, meaning in (("label", "the series to forecast"), ("time", "the time of each row")):
        if getattr(settings, key) is None:
            raise ConfigError(
                f"forecasting needs data.{key}, {meaning}.", hint=f"set it to one of: {', '.join(schema.names[:10])}."
            )
    others, words = divide(schema, feature_names(schema.names, settings))
    if words:
        raise DataError(
            f"column '{words[0]}' holds words, and the channels of a series are numbers.",
            hint=f"put it in data.ignore: [{', '.join(words)}], or in data.series_by if it tells several series apart.",
        )
    both = {settings.label, settings.time} & set(settings.series_by)
    if both:
        raise ConfigError(
            f"data.series_by names '{both.pop()}', which is the label or the time.", hint="take it out there."
        )
    return (settings.label, *others)


def read(table: Table, settings: IngestSettings, anomalies: Anomalies, progress: Progress) -> SeriesRows:
    """Read all rows. What is kept of each is 4 bytes a channel, 8 for its time and 4 for its series.

    A row with an anomaly keeps its place, without values, so that its series does not get shorter; one without a time
    or a key is left out.

    Raises:
        ConfigError, DataError: As for `channels_of`; or the label or the time is something else altogether.
    """
    channels, validator = channels_of(table.schema, settings), Validator(settings, settings.expected)
    reader, places, profile = _Rows(settings, channels), Places(), TableProfile()
    num_rows, pace = 0, Pace("steps", table.num_bytes)
    for batch in table.batches():
        profile.add(batch.columns)
        values_NC, codes_N, problems = reader.prepare(batch)
        keep_N = anomalies.take(batch, [*problems, *validator.problems(batch)])
        values_NC[~keep_N] = np.nan
        placed_N = reader.add(values_NC, codes_N)
        places.add(batch, placed_N)
        num_rows += len(batch) + len(batch.lines)
        progress(pace.said(num_rows, batch.num_bytes_read), batch.num_bytes_read, table.num_bytes)
    check_targets(settings.label, reader.num_words, num_rows, reader.shown)
    anomalies.of_columns(validator.after(profile))
    return reader.finish(places, num_rows, profile)


class _Rows:
    def __init__(self, settings: IngestSettings, channels: tuple[str, ...]):
        self._settings, self._channels = settings, channels
        self._times, self._keys = TimeReader(settings.time), _Keys(settings.series_by)
        self._values: list[np.ndarray] = []
        self._codes: list[np.ndarray] = []
        self._placed: list[np.ndarray] = []
        self._unplaced = np.zeros(0, bool)
        self.num_words, self.shown = 0, []

    def prepare(self, batch: Batch) -> tuple[np.ndarray, np.ndarray, list[Problem]]:
        """Return the values and the series of each row, and what is wrong with some of them."""
        target = target_labels(batch, self._channels[0])
        for problem in target.problems:
            if problem.kind == "type":
                self.num_words += len(problem.rows)
                self.shown += [problem.reason(i) for i in range(min(NUM_SHOWN, len(problem.rows)))]
        values_NC = numeric_matrix(batch.columns, self._channels[1:])
        target_N = np.where(np.isfinite(target.values), target.values, np.float32(np.nan))
        values_NC = np.concatenate([target_N[:, None], values_NC], axis=1, dtype=np.float32)
        codes_N, problems = self._keys.add(batch)
        problems += self._time_problems(batch)
        self._unplaced = np.zeros(len(batch), bool)
        for problem in problems:
            self._unplaced[problem.rows] = True
        return values_NC, codes_N, [*problems, *self._value_problems(target.problems)]

    def add(self, values_NC: np.ndarray, codes_N: np.ndarray) -> np.ndarray:
        """Keep the rows of the batch that have a place, and return which these are, bool (N,)."""
        placed_N = ~self._unplaced
        self._placed.append(placed_N)
        self._values.append(values_NC if placed_N.all() else values_NC[placed_N])
        self._codes.append(codes_N[placed_N])
        return placed_N

    def finish(self, places: Places, num_rows: int, profile: TableProfile) -> SeriesRows:
        times_N, kind = self._times.finish()
        placed_N = np.concatenate([np.zeros(0, bool), *self._placed])
        empty_NC = np.zeros((0, len(self._channels)), np.float32)
        codes_N, keys = self._keys.finish(np.concatenate([np.zeros(0, np.int32), *self._codes]))
        return SeriesRows(
            self._channels,
            np.concatenate([empty_NC, *self._values]),
            times_N if placed_N.all() else times_N[placed_N],
            kind,
            codes_N,
            keys,
            places,
            num_rows,
            profile,
        )

    def _value_problems(self, problems: Sequence[Problem]) -> list[Problem]:
        """Call a missing value a gap; where steps are averaged, others of the same step may stand for it."""
        is_averaged = self._settings.gaps == "resample"
        return [
            replace(problem, kind="gap") if problem.kind == "missing_label" else problem
            for problem in problems
            if not (is_averaged and problem.kind == "missing_label")
        ]

    def _time_problems(self, batch: Batch) -> list[Problem]:
        name = self._settings.time
        column = batch.columns.column(name)
        bad = self._times.add(column, batch.where)
        is_none_N = _is_missing(column)
        is_none_N[bad] = False
        missing = np.flatnonzero(is_none_N)
        found = [
            Problem("time", name, missing, lambda i: "the time is missing", True),
            Problem("time", name, bad, lambda i: not_a_time(column[int(bad[i])].as_py(), name), True),
        ]
        return [problem for problem in found if len(problem.rows)]


class _Keys:
    """Numbers series in order of appearance, until all are known."""

    def __init__(self, names: tuple[str, ...]):
        self._names = names
        self._codes: dict[tuple[str, ...], int] = {} if names else {(): 0}

    def add(self, batch: Batch) -> tuple[np.ndarray, list[Problem]]:
        """Return the number of each row's series, int32 (N,), and rows that belong to none."""
        if not self._names:
            return np.zeros(len(batch), np.int32), []
        joined_N, parts, problems = np.zeros(len(batch), np.int64), [], []
        for name in self._names:
            encoded = pc.dictionary_encode(pc.utf8_trim_whitespace(batch.columns.column(name).cast(pa.string())))
            words = [word or "" for word in encoded.dictionary.to_pylist()] + [""]
            which_N = as_numpy(encoded.indices.cast(pa.int64()), missing=len(words) - 1)
            missing = np.flatnonzero(np.array([not word for word in words])[which_N])
            if len(missing):
                problems.append(Problem("missing", name, missing, lambda i: "its series is missing", True))
            parts.append((words, which_N))
            _, joined_N = np.unique(joined_N * len(words) + which_N, return_inverse=True)
        _, first, inverse_N = np.unique(joined_N, return_index=True, return_inverse=True)
        keys = [tuple(words[which_N[row]] for words, which_N in parts) for row in first]
        codes = np.array([self._codes.setdefault(key, len(self._codes)) for key in keys], np.int32)
        return codes[inverse_N] if len(batch) else np.zeros(0, np.int32), problems

    def finish(self, codes_N: np.ndarray) -> tuple[np.ndarray, tuple[tuple[str, ...], ...]]:
        """Return the numbers of the series in the order of their keys, and those keys that have rows."""
        present = set(np.unique(codes_N).tolist())
        keys = sorted(key for key, code in self._codes.items() if code in present)
        renumbered = np.zeros(len(self._codes), np.int32)
        for i, key in enumerate(keys):
            renumbered[self._codes[key]] = i
        return renumbered[codes_N], tuple(keys)


def _is_missing(column: pa.Array) -> np.ndarray:
    missing = column.is_null()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        missing = pc.or_(missing, pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), ""), True))
    return np.from_dlpack(pc.cast(missing, pa.uint8())).astype(bool)
