"""The first pass over a table: every batch is prepared, judged and spooled."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from components.ingest.batches import Batch, Problem, Table
from components.ingest.columns import is_known
from components.ingest.labels import in_order as classes_in_order
from components.ingest.ordered import MAX_THREADS, in_order
from components.ingest.pace import Pace
from components.ingest.quality.anomalies import Anomalies
from components.ingest.quality.profile import TableProfile
from components.ingest.quality.validation import Validator
from components.ingest.rows.encoding import Columns
from components.ingest.rows.labels import NUM_SHOWN, Classes, check_targets
from components.ingest.rows.plan import Plan
from components.ingest.rows.preparing import Prepared, Preparer
from components.ingest.rows.rows import MISSING_INTEGER, Rows
from components.ingest.rows.spool import Spool
from components.ingest.rows.texts import TextSample
from components.ingest.times import TimeReader
from estafet.runfile.steps import IngestSettings
from estafet.telemetry import Progress


@dataclass
class Found:
    """What the first pass has found.

    Attributes:
        plan: What each column is for.
        classes: For classification, the classes.
        profile: What the columns are like.
        texts: Tells which columns of words are free text.
        lows: The least value of each column of whole numbers.
        highs: The greatest.
        has_missing: Whether it has missing values.
        num_rows: Rows in the source, with those that are left out.
        num_words: Labels that should be numbers and are words.
        shown: Some of those.
        counts: For classification, rows of each class by its number.
        times: For a split by time, reads the times of all rows.
        kept: For a split by time, which rows of each batch are kept.
        num_numbered: For a split by time, how many rows have been given their numbers.
    """

    plan: Plan
    classes: Classes | None
    profile: TableProfile
    texts: TextSample
    lows: np.ndarray
    highs: np.ndarray
    has_missing: np.ndarray
    num_rows: int = 0
    num_words: int = 0
    shown: dict[str, None] = field(default_factory=dict)
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    times: TimeReader | None = None
    kept: list[np.ndarray] = field(default_factory=list)
    num_numbered: int = 0

    def take(self, prepared: Prepared, keep: np.ndarray) -> Rows:
        """Take in a batch, and return the rows of it that are kept."""
        rows = prepared.rows
        if self.classes is not None:
            rows = replace(rows, labels=self.classes.add(prepared.classes)[rows.labels])
        self._count_words(prepared)
        if self.times is not None:
            rows = replace(rows, numbers=self.num_numbered + prepared.order)
            self.num_numbered += len(keep)
            self.kept.append(keep)
        if not keep.all():
            rows = rows.take(np.flatnonzero(keep[prepared.order]))
        self.num_rows += len(keep) + len(prepared.batch.lines)
        self.profile.merge(prepared.profile)
        self._look_at_integers(rows.integers)
        self.texts.add(rows)
        if self.classes is not None:
            counts = np.bincount(rows.labels, minlength=len(self.classes.indices))
            counts[: len(self.counts)] += self.counts
            self.counts = counts
        return rows

    def columns(self, layout: str) -> tuple[Columns, tuple[str, ...] | None]:
        """Return what is known of the columns, and for classification the classes in order."""
        classes = indices = None
        if self.classes is not None:
            names = np.array(list(self.classes.indices), object)
            classes = classes_in_order(names[self.counts > 0])
            position = {name: i for i, name in enumerate(classes)}
            indices = np.array([position.get(name, -1) for name in names], np.int64)
        bounds = (self.lows, self.highs, self.has_missing)
        return Columns.known(self.plan, *bounds, self.texts.texts(), indices, layout), classes

    def class_totals(self) -> np.ndarray | None:
        """Return the number of rows of each class, by its number in order of appearance."""
        return self.counts if self.classes is not None else None

    def read_times(self, batch: Batch) -> list[Problem]:
        """Take in the times of a batch for a split by time, and return what is wrong with them."""
        if self.times is None:
            return []
        column = batch.columns.column(self.plan.time)
        bad = self.times.add(column, batch.where)
        missing = np.flatnonzero(~is_known(column))
        problems = (
            Problem("time", self.plan.time, bad, lambda i: f"{column[int(bad[i])].as_py()!r} is no time", True),
            Problem("time", self.plan.time, missing, lambda i: "the time is missing", True),
        )
        return [problem for problem in problems if len(problem.rows)]

    def all_times(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return, for a split by time, the times of all rows in the order of the table, and which of them are kept."""
        return None if self.times is None else (self.times.finish()[0], np.concatenate(self.kept))

    def _count_words(self, prepared: Prepared) -> None:
        for problem in prepared.label_problems:
            if problem.kind == "type":
                self.num_words += len(problem.rows)
                for i in range(min(NUM_SHOWN, len(problem.rows))):
                    self.shown.setdefault(problem.reason(i))

    def _look_at_integers(self, integers_NI: np.ndarray) -> None:
        if not integers_NI.size:
            return
        is_missing_NI = integers_NI == MISSING_INTEGER
        self.has_missing |= is_missing_NI.any(axis=0)
        self.highs = np.maximum(self.highs, integers_NI.max(axis=0))
        # A missing one is the least there is; its column is stored as floats, so its bounds do not count.
        self.lows = np.minimum(self.lows, integers_NI.min(axis=0))


def read(
    table: Table,
    columns: Plan,
    settings: IngestSettings,
    anomalies: Anomalies,
    validator: Validator,
    spool: Spool,
    *,
    progress: Progress,
    num_threads: int,
) -> Found:
    """Read a table into a spool.

    Args:
        table: The table.
        columns: What each column is for.
        settings: The step's settings.
        anomalies: Told what is wrong with the data.
        validator: Knows what they must be like.
        spool: Where the rows that are kept go.
        progress: Told how far it is.
        num_threads: How many threads work.

    Raises:
        DataError: The label does not suit the task, or a file cannot be read.
    """
    num_integers = len(columns.integers)
    found = Found(
        columns,
        Classes(columns.label) if settings.task.is_classification else None,
        TableProfile(),
        TextSample(columns.words, settings.text),
        lows=np.full(num_integers, np.iinfo(np.int64).max),
        highs=np.full(num_integers, np.iinfo(np.int64).min),
        has_missing=np.zeros(num_integers, bool),
        times=TimeReader(columns.time) if columns.time else None,
    )
    pace = Pace("rows", table.num_bytes)
    prepare, num_threads = Preparer(columns, settings, validator), min(num_threads, MAX_THREADS)
    for prepared in in_order(prepare, table.batches(), num_threads):
        problems = [*prepared.label_problems, *prepared.problems, *found.read_times(prepared.batch)]
        keep = anomalies.take(prepared.batch, problems)
        rows = found.take(prepared, keep)
        num_read = prepared.batch.num_bytes_read
        if len(rows):
            spool.add(rows, num_read / max(1, table.num_bytes))
        progress(pace.said(found.num_rows, num_read), num_read, table.num_bytes)
    if not settings.task.is_classification:
        check_targets(columns.label, found.num_words, found.num_rows, list(found.shown))
    anomalies.of_columns(validator.after(found.profile))
    return found
