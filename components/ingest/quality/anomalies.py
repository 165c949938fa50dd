"""What is wrong with the data, counted by column and kind, and what becomes of it: left out, kept, or the end."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.ingest.batches import Batch, Problem
from components.ingest.dates import one_form_hint
from components.ingest.quality.quarantine import Quarantine
from estafet.errors import DataError
from estafet.records.manifest import Anomaly, AnomalyKind, BadExample
from estafet.runfile.steps import IngestSettings

NUM_FIRST = 5
"""So many examples of each kind are named."""
NUM_NAMED = 100
"""So many of all that was left out are named in the manifest."""
NUM_EXPLAINED = 100_000
"""So many rows are quarantined with their values in the reason, and further ones with the kind of anomaly."""
NUM_KINDS_SHOWN = 10

MEANINGS: dict[AnomalyKind, str] = {
    "missing_label": "no usable label",
    "type": "not of the column's type",
    "infinite": "infinite",
    "range": "outside its range",
    "category": "none of the categories",
    "missing": "missing",
    "ragged": "wrong number of fields",
    "repeated_header": "the header again",
    "time": "no usable time",
    "gap": "a step without a value",
    "duplicate": "occurs twice",
    "undecodable": "cannot be decoded",
    "unsupported": "of a kind that is not supported",
    "image_size": "of the wrong size",
    "missing_file": "the file is missing",
    "extra_column": "not in the schema",
}
BY_SCHEMA: tuple[AnomalyKind, ...] = ("type", "range", "category", "missing", "image_size")
"""The kinds that may mean that the pinned schema is too narrow."""


class Anomalies:
    """Decides by `data.on_anomaly` what is left out, and keeps that with its reason; a context manager.

    Attributes:
        num_left_out: How many rows, lines, images or steps were left out.
    """

    def __init__(self, settings: IngestSettings, folder: Path):
        """Prepare to take in what is wrong.

        Args:
            settings: The step's settings.
            folder: The data set's folder, in which `quarantine` is made when something is left out.
        """
        self._settings = settings
        self._quarantine = Quarantine(folder)
        # One row is already too many, and the folder goes when the step fails.
        self._is_kept = settings.on_anomaly != "fail" or settings.max_bad_share > 0
        self._forget()

    def __enter__(self) -> Anomalies:
        return self

    def __exit__(self, *error: object) -> None:
        self._quarantine.__exit__(*error)

    @property
    def found(self) -> tuple[Anomaly, ...]:
        """What was found, left out or not, by column and kind, the most frequent first."""
        counts, first = dict(self._counts), {key: tuple(named) for key, named in self._first.items()}
        for noted in self._noted:
            key = noted.column, noted.kind
            counts[key] = counts.get(key, 0) + noted.count
            first[key] = (*first.get(key, ()), *noted.first)[:NUM_FIRST]
        return _in_order(counts, first)

    @property
    def bad(self) -> tuple[BadExample, ...]:
        """The first hundred rows, lines, images or steps that were left out."""
        return tuple(self._bad)

    def clear(self) -> None:
        """Forget everything, quarantine included: the table is read from its start again."""
        self._quarantine.clear()
        self._forget()

    def take(self, batch: Batch, problems: Sequence[Problem] = ()) -> np.ndarray:
        """Take in what is wrong with a batch, what its reader found included; batches come in order.

        Returns:
            Which of its rows are kept, bool (N,).
        """
        for line in batch.lines:
            self._count("", line.kind, 1, [BadExample(where=line.where, reason=line.reason)])
            self._leave_out([BadExample(where=line.where, reason=line.reason)], 1)
            if self._is_kept:
                self._quarantine.line(line)
        keep_N = np.ones(len(batch), bool)
        told = [*batch.problems, *(_beyond(problem, batch.problems) for problem in problems)]
        for problem in told:
            shown = range(min(NUM_FIRST - len(self._first.get((problem.column, problem.kind), ())), len(problem.rows)))
            first = [BadExample(where=batch.where(problem.rows[i]), reason=problem.reason(i)) for i in shown]
            self._count(problem.column, problem.kind, len(problem.rows), first)
        for problem in (*batch.problems, *problems):
            if self._is_left_out(problem.unusable):
                keep_N[problem.rows] = False
        if not keep_N.all():
            self._leave_out_rows(batch, keep_N, told)
        return keep_N

    def example(
        self,
        where: str,
        kind: AnomalyKind,
        reason: str,
        *,
        column: str = "",
        content: bytes | None = None,
        file_name: str = "",
        unusable: bool = False,
    ) -> bool:
        """Take in an image or a step that is not as it should be.

        Args:
            where: Where it is, for a person.
            kind: In which way it is bad.
            reason: What is wrong with it.
            column: For a step, the column.
            content: The image's bytes, for the quarantine.
            file_name: A name for them there.
            unusable: Whether it is left out even where anomalies are to be ignored.

        Returns:
            Whether it is kept.
        """
        self._count(column, kind, 1, [BadExample(where=where, reason=reason)])
        if not self._is_left_out(unusable):
            return True
        self._leave_out([BadExample(where=where, reason=_with_column(column, reason))], 1)
        if self._is_kept:
            self._quarantine.example(where, kind, _with_column(column, reason), content, file_name)
        return False

    def note(self, anomaly: Anomaly) -> None:
        """Take in what is only reported whatever `data.on_anomaly` says, such as files that are left aside."""
        if anomaly.count:
            self._noted.append(anomaly)

    def of_columns(self, anomalies: Iterable[Anomaly]) -> None:
        """Take in what is wrong with whole columns; with `on_anomaly: fail`, `check` raises for any."""
        for anomaly in anomalies:
            self._count(anomaly.column, anomaly.kind, anomaly.count, anomaly.first)
            self._of_columns.append(anomaly)

    def check(self, num_examples: int, what: str) -> None:
        """Refuse a data set of which too much is left out.

        Args:
            num_examples: How many there are, with those that were left out.
            what: What one is called, in the plural.

        Raises:
            DataError: More than `max_bad_share` of them with `on_anomaly: fail`, or nothing is left.
        """
        fails = self._settings.on_anomaly == "fail"
        too_many = fails and self.num_left_out > self._settings.max_bad_share * num_examples
        nothing_left = self.num_left_out > 0 and self.num_left_out >= num_examples
        messages, hints = [], []
        if too_many or nothing_left:
            messages += [self._what_is_bad(num_examples, what), *self._kinds()]
            hints.append(self._where_to_look() if nothing_left else self._ways_out(num_examples))
        if fails and self._of_columns:
            messages += [f"column '{anomaly.column}': {anomaly.first[0].reason}." for anomaly in self._of_columns]
            hints.append("raise max_missing_share in the file that data.schema_file names, or data.on_anomaly: ignore.")
        if messages:
            raise DataError("\n".join(messages), hint=" ".join(hints))

    def _forget(self) -> None:
        self.num_left_out = 0
        self._num_explained = 0
        self._counts: dict[tuple[str, AnomalyKind], int] = {}
        self._first: dict[tuple[str, AnomalyKind], list[BadExample]] = {}
        self._bad: list[BadExample] = []
        self._of_columns: list[Anomaly] = []
        self._noted: list[Anomaly] = []
        self._can_be_used = False

    def _is_left_out(self, unusable: bool) -> bool:
        self._can_be_used |= not unusable
        return unusable or self._settings.on_anomaly != "ignore"

    def _count(self, column: str, kind: AnomalyKind, num: int, first: Iterable[BadExample]) -> None:
        if not num:
            return
        self._counts[column, kind] = self._counts.get((column, kind), 0) + num
        named = self._first.setdefault((column, kind), [])
        named.extend(list(first)[: NUM_FIRST - len(named)])

    def _leave_out(self, first: Iterable[BadExample], num: int) -> None:
        self.num_left_out += num
        self._bad.extend(list(first)[: NUM_NAMED - len(self._bad)])

    def _leave_out_rows(self, batch: Batch, keep_N: np.ndarray, problems: Sequence[Problem]) -> None:
        rows = np.flatnonzero(~keep_N)
        explains = self._is_kept and self._num_explained < NUM_EXPLAINED
        num_explained = len(rows) if explains else min(len(rows), NUM_NAMED - len(self._bad))
        reasons = _reasons(rows, problems, num_explained)
        first = range(min(len(rows), NUM_NAMED - len(self._bad)))
        self._leave_out([BadExample(where=batch.where(rows[i]), reason=reasons[i]) for i in first], len(rows))
        self._num_explained += num_explained
        if self._is_kept:
            self._quarantine.rows(batch.columns.take(pa.array(rows)), [batch.where(row) for row in rows], reasons)

    def _what_is_bad(self, num_examples: int, what: str) -> str:
        shown = "; ".join(f"{example.where}: {example.reason}" for example in self._bad[:NUM_FIRST])
        more = f"; and {self.num_left_out - NUM_FIRST:,} more" if self.num_left_out > NUM_FIRST else ""
        return f"{self.num_left_out:,} of {num_examples:,} {what} cannot be used ({shown}{more})."

    def _kinds(self) -> Iterator[str]:
        """Say how often each kind occurs, where there is more than one."""
        judged = _in_order(self._counts, self._first)
        of_rows = [anomaly for anomaly in judged if anomaly.first[0].where != "all rows"]
        if len(of_rows) < 2:
            return
        for anomaly in of_rows[:NUM_KINDS_SHOWN]:
            column = f"column '{anomaly.column}': " if anomaly.column else ""
            first = ", ".join(example.where for example in anomaly.first)
            more = ", …" if anomaly.count > len(anomaly.first) else ""
            yield f"  {anomaly.count:,} × {column}{MEANINGS[anomaly.kind]} ({first}{more})"
        if len(of_rows) > NUM_KINDS_SHOWN:
            yield f"  and {len(of_rows) - NUM_KINDS_SHOWN} more kinds"

    def _where_to_look(self) -> str:
        """Say what may be the cause where nothing is left."""
        worst = _in_order(self._counts, self._first)[0]
        if worst.kind == "time":
            ways = [f"check data.time, and {one_form_hint().rstrip('.')}"]
        elif worst.column and worst.column != (self._settings.label or "label"):
            ways = [f"check column '{worst.column}', or put it in data.ignore: [{worst.column}]"]
        else:
            ways = ["check data.label and data.source"]
        return f"none is left; {', or '.join([*ways, *self._ways_to_use_them()])}."

    def _ways_to_use_them(self) -> Iterator[str]:
        if self._can_be_used and self._settings.on_anomaly != "ignore":
            yield "use them as far as they can be: data.on_anomaly: ignore"
        if self._settings.expected is not None and any(kind in BY_SCHEMA for _, kind in self._counts):
            yield "widen the schema that data.schema_file names"

    def _ways_out(self, num_examples: int) -> str:
        share = math.ceil(10_000 * self.num_left_out / num_examples) / 10_000
        given = self._settings.max_bad_share
        ways = [f"leave them out: data.max_bad_share: {share:g} (it is {given:g}), or data.on_anomaly: quarantine"]
        ways += self._ways_to_use_them()
        source = self._settings.source[0]
        return f"mend or remove them, or {', or '.join(ways)}; `estafet inspect {source}` shows the data."


def _in_order(
    counts: Mapping[tuple[str, AnomalyKind], int], first: Mapping[tuple[str, AnomalyKind], Sequence[BadExample]]
) -> tuple[Anomaly, ...]:
    """Return what was counted by column and kind, the most frequent first."""
    keys = sorted(counts, key=lambda key: (-counts[key], key))
    return tuple(
        Anomaly(column=column, kind=kind, count=counts[column, kind], first=tuple(first[column, kind]))
        for column, kind in keys
    )


def _with_column(column: str, reason: str) -> str:
    """Put the column before a reason that does not speak of it already."""
    is_named = not column or f"'{column}'" in reason or reason.startswith("the label")
    return reason if is_named else f"{column}: {reason}"


def _beyond(problem: Problem, reported: Sequence[Problem]) -> Problem:
    """Leave out the rows whose value is missing only because the reader could not take it for one, and has said so."""
    if problem.kind not in ("missing_label", "gap"):
        return problem
    known = [rows.rows for rows in reported if rows.column == problem.column]
    places = np.flatnonzero(~np.isin(problem.rows, np.concatenate(known))) if known else np.arange(len(problem.rows))
    return replace(problem, rows=problem.rows[places], reason=lambda i: problem.reason(int(places[i])))


def _reasons(rows: np.ndarray, problems: Sequence[Problem], num_explained: int) -> list[str]:
    """Say what is wrong with each row: of the first ones with the values, of the others in general."""
    reasons: list[list[str]] = [[] for _ in rows]
    for problem in problems:
        general = _with_column(problem.column, MEANINGS[problem.kind])
        of_problem = np.flatnonzero(np.isin(problem.rows, rows))
        places = np.searchsorted(rows, problem.rows[of_problem])
        for i, place in zip(of_problem.tolist(), places.tolist(), strict=True):
            said = _with_column(problem.column, problem.reason(i)) if place < num_explained else general
            reasons[place].append(said)
    return ["; ".join(of_row) for of_row in reasons]
