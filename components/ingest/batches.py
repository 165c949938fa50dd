"""What every reader of a table gives: record batches that know where their rows stand and what is wrong in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from estafet.records.manifest import AnomalyKind

ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Problem:
    """What is wrong, in one way, with some rows of a batch.

    Attributes:
        kind: In which way.
        column: The column; empty where it is the whole row.
        rows: Which rows of the batch, int64, rising.
        reason: Says of the i-th of `rows` what is wrong with it, such as "'abc' is no number"; asked of a few only.
        unusable: Whether such a row is left out even where anomalies are to be ignored, such as one without a label.
    """

    kind: AnomalyKind
    column: str
    rows: np.ndarray
    reason: Callable[[int], str]
    unusable: bool = False


@dataclass(frozen=True)
class BadLine:
    """A line of a text file that could not become a row.

    Attributes:
        kind: In which way it is bad.
        where: File and row.
        reason: What is wrong with it.
        text: The line itself.
    """

    kind: AnomalyKind
    where: str
    reason: str
    text: str


@dataclass(frozen=True)
class Batch:
    """Some rows of one file, in order.

    Attributes:
        columns: The rows; each batch of a table has the same columns of the same types.
        file: The file's name, for a person.
        row_numbers: The number of each row in its file (from 1, header not counted), int64; the first one is enough
            where they are in sequence.
        problems: What the reader found: values that are not of their column's type. They are null in `columns`.
        lines: Lines that could not become rows.
        num_bytes_read: How much of the table's `num_bytes` has been read with this batch.
    """

    columns: pa.RecordBatch
    file: str
    row_numbers: np.ndarray | int = 1
    problems: tuple[Problem, ...] = ()
    lines: tuple[BadLine, ...] = field(default=())
    num_bytes_read: int = 0

    def __len__(self) -> int:
        return self.columns.num_rows

    def where(self, row: int) -> str:
        """Say in which file a row of the batch is, and where in it."""
        number = self.row_numbers + row if isinstance(self.row_numbers, int) else self.row_numbers[row]
        return f"{self.file} row {number:,}"


class Table(Protocol):
    """A table that is read as a stream, however large it is.

    Attributes:
        files: What it is read from, in order.
        schema: The columns and their types: integers, floats, decimals, booleans, strings, times and dates, null, and
            whatever else a file holds.
        num_bytes: Size of the files.
        num_rows: Number of rows, where the format tells it before they are read.
    """

    files: tuple[Path, ...]
    schema: pa.Schema
    num_bytes: int
    num_rows: int | None

    def batches(self) -> Iterator[Batch]:
        """Read all rows in order, at most `ROWS_AT_ONCE` at a time; it may be called again.

        Raises:
            TypeChanged: A column turned out to be of another type than its first rows were.
            DataError: A file cannot be read.
        """


class TypeChanged(Exception):
    """A column is of another type than was thought; what was read so far is void.

    Attributes:
        table: The same table, with the types corrected.
        message: Which column, where and why, for the log.
    """

    def __init__(self, table: Table, message: str):
        super().__init__(message)
        self.table, self.message = table, message
