"""One block of a CSV file to columns of given types."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from pyarrow import csv

from components.ingest.sources.numbers import converted
from components.ingest.sources.records import CsvFile
from components.ingest.sources.types import common_type


@dataclass(frozen=True)
class Parsed:
    """What a block holds.

    Attributes:
        columns: Its good lines, each value that is not of its column's type being null.
        ragged: The lines with too few or too many fields; each has the `number` of its record in the block, from 1.
        wrong: For each column with such values, their rows in `columns` and their texts.
    """

    columns: pa.RecordBatch
    ragged: Sequence[csv.InvalidRow] = ()
    wrong: Mapping[str, tuple[np.ndarray, list[str]]] = field(default_factory=dict)

    @property
    def num_records(self) -> int:
        """Number of lines, good or not (one with a line break in quotes counts once)."""
        return len(self.columns) + len(self.ragged)


class Misfit(Exception):
    """Values of a block are not of their column's type.

    Attributes:
        columns: The columns.
        column: The one where it was noticed.
        row: The row of the block where it was noticed, from 0.
        text: The value there.
    """

    def __init__(self, columns: Sequence[str], names: Sequence[str], message: str):
        super().__init__(columns, names, message)
        self.columns, self.column, self.row, self.text = columns, columns[0], 0, ""
        if found := re.search(r"column #(\d+): Row #(\d+): .*invalid value '(.*)'", message):
            self.column, self.row, self.text = names[int(found[1])], int(found[2]) - 1, found[3]


class NotUtf8(Exception):
    """A block holds a byte that is not UTF-8.

    Attributes:
        place: Where in the block it is.
    """

    def __init__(self, place: int):
        super().__init__(place)
        self.place = place


def parse(content: bytes, file: CsvFile, schema: pa.Schema, certain: Collection[str]) -> Parsed:
    """Parse whole records.

    Args:
        content: The records.
        file: Whose records they are.
        schema: The columns and their types.
        certain: The columns whose types are certain, so that a value of another type is wrong.

    Raises:
        Misfit: Values are not of their column's type, which is not certain.
        NotUtf8: A byte is not UTF-8.
    """
    types = dict(zip(schema.names, schema.types, strict=True))
    try:
        columns, ragged = read(content, file, types)
    except pa.ArrowInvalid as error:
        check_utf8(content)
        misfits = _misfits(content, file, types)
        if not all(name in certain for name in misfits):
            raise Misfit(misfits, file.names, str(error)) from error
    else:
        return Parsed(columns, ragged)
    texts, ragged = read(content, file, types | dict.fromkeys(misfits, pa.string()))
    arrays, wrong = {}, {}
    for name in schema.names:
        arrays[name] = texts.column(name)
        if name in misfits:
            arrays[name], rows = converted(arrays[name], types[name], file.settings.decimal)
            wrong[name] = rows, texts.column(name).take(pa.array(rows)).to_pylist()
    return Parsed(pa.RecordBatch.from_arrays(list(arrays.values()), schema=schema), ragged, wrong)


def read(
    content: bytes, file: CsvFile, types: Mapping[str, pa.DataType], columns: Sequence[str] | None = None
) -> tuple[pa.RecordBatch, list[csv.InvalidRow]]:
    """Let Arrow parse whole records.

    Args:
        content: The records.
        file: Whose records they are.
        types: Of the columns whose types are known; those of the others are as their values look.
        columns: The columns to return; all of `types` where they are not given.

    Returns:
        The columns, and the lines with another number of fields than the header.
    """
    ragged: list[csv.InvalidRow] = []

    def skip(row: csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    table = csv.read_csv(
        pa.BufferReader(content),
        csv.ReadOptions(use_threads=False, block_size=len(content) + 1, column_names=file.names),
        file.parse_options(invalid_row_handler=skip),
        csv.ConvertOptions(
            column_types=types,
            include_columns=list(types if columns is None else columns),
            strings_can_be_null=True,
            decimal_point=file.settings.decimal,
        ),
    )
    batches = table.to_batches()
    empty = pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in table.schema], schema=table.schema)
    return batches[0] if batches else empty, ragged


def check_utf8(content: bytes) -> None:
    """Refuse text that is not UTF-8.

    Raises:
        NotUtf8: It is not; says where.
    """
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise NotUtf8(error.start) from error


def _misfits(content: bytes, file: CsvFile, types: Mapping[str, pa.DataType]) -> list[str]:
    texts = {name: kind for name, kind in types.items() if pa.types.is_string(kind)}
    looks, _ = read(content, file, texts, list(types))
    return [name for name, kind in types.items() if common_type((looks.schema.field(name).type, kind)) != kind]
