"""Parsed blocks to batches that know where their rows stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.ingest.batches import ROWS_AT_ONCE, BadLine, Batch, Problem
from components.ingest.sources.folders import shown_names
from components.ingest.sources.parsing import Parsed

NOT_OF_TYPE = {pa.int64(): "is no whole number", pa.float64(): "is no number", pa.bool_(): "is neither true nor false"}


class Positions:
    """Counts the rows of file after file; lines that are no rows count too, but for the header and empty lines.

    Attributes:
        row: Number of the next row of the current file, from 1.
    """

    def __init__(self, files: Sequence[Path]):
        self.row = 1
        self._names = shown_names(files)
        self._path: Path | None = None
        self._bytes_before = 0
        self._lines: list[BadLine] = []

    def enter(self, path: Path) -> None:
        """Begin to count anew if this is another file than the last."""
        if self._path not in (None, path):
            self._bytes_before += self._path.stat().st_size
            self.row = 1
        self._path = path

    def repeated_header(self, text: str) -> None:
        """Note that a line is the header once more."""
        self._note("repeated_header", self.row, "the header stands here once more", text)
        self.row += 1

    def batches(self, parsed: Parsed, num_bytes_read: int) -> Iterator[Batch]:
        """Yield the rows of a block, with the lines before and among them that are none."""
        numbers = self.row + np.arange(parsed.num_records)
        for line in parsed.ragged:
            reason = f"it has {_fields(line.actual_columns)}, and the header has {line.expected_columns}"
            self._note("ragged", int(numbers[line.number - 1]), reason, line.text)
        if parsed.ragged:
            numbers = np.delete(numbers, [line.number - 1 for line in parsed.ragged])
        first, self.row = self.row, self.row + parsed.num_records
        for start in range(0, len(parsed.columns), ROWS_AT_ONCE):
            columns = parsed.columns.slice(start, ROWS_AT_ONCE)
            yield Batch(
                columns=columns,
                file=self._names[self._path],
                row_numbers=numbers[start : start + len(columns)] if parsed.ragged else first + start,
                problems=tuple(_problems(parsed, start, start + len(columns))),
                lines=self._take_lines(),
                num_bytes_read=self._bytes_before + num_bytes_read,
            )

    def rest(self, schema: pa.Schema) -> Iterator[Batch]:
        """Yield a batch without rows if there are lines after the last row that are none."""
        if self._lines:
            columns = pa.RecordBatch.from_arrays([pa.array([], kind) for kind in schema.types], schema=schema)
            num_bytes = self._bytes_before + self._path.stat().st_size
            yield Batch(columns, self._names[self._path], self.row, lines=self._take_lines(), num_bytes_read=num_bytes)

    def _note(self, kind: str, row: int, reason: str, text: str) -> None:
        self._lines.append(BadLine(kind, f"{self._names[self._path]} row {row:,}", reason, text))

    def _take_lines(self) -> tuple[BadLine, ...]:
        lines, self._lines = tuple(self._lines), []
        return lines


def _problems(parsed: Parsed, start: int, end: int) -> Iterator[Problem]:
    for name, (rows, texts) in parsed.wrong.items():
        chosen = slice(*np.searchsorted(rows, (start, end)))
        if chosen.start < chosen.stop:
            not_of_type = NOT_OF_TYPE[parsed.columns.schema.field(name).type]
            yield Problem("type", name, rows[chosen] - start, partial(_reason, texts[chosen], not_of_type))


def _reason(texts: list[str], not_of_type: str, i: int) -> str:
    return f"{texts[i]!r} {not_of_type}"


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"
