"""Parquet files as one table, read as a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from pyarrow import parquet

from components.ingest.batches import ROWS_AT_ONCE, Batch
from components.ingest.sources.failures import naming
from components.ingest.sources.folders import shown_names
from components.ingest.sources.types import same_columns, same_type
from estafet.errors import DataError
from estafet.runfile.steps import IngestSettings

READ_BYTES = 1 << 20
"""How much of each column of a row group is read ahead; without it the whole of it would be, however large."""
BATCH_BYTES = 16 << 20
"""What a batch of wide rows is to have."""
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
PLAIN = {
    pa.large_string(): pa.string(),
    pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
    pa.float16(): pa.float32(),
}
"""Types that hold the same as others, so that what comes behind needs to know one of them."""


@dataclass(frozen=True)
class ParquetTable:
    """Parquet files with the same columns.

    Attributes:
        files: The files, in order.
        schema: The columns and their types, those that folders named `key=value` give behind those of the files.
        folder_values: For each file the value of each such column; None where it is missing.
        num_rows: Number of rows of all files.
    """

    files: tuple[Path, ...]
    schema: pa.Schema
    folder_values: tuple[dict[str, int | str | None], ...]
    num_rows: int

    @property
    def num_bytes(self) -> int:
        """Size of the files."""
        return sum(path.stat().st_size for path in self.files)

    def batches(self) -> Iterator[Batch]:
        """Read all rows in order.

        Raises:
            DataError: A file is damaged.
        """
        bytes_before, shown = 0, shown_names(self.files)
        for path, values in zip(self.files, self.folder_values, strict=True):
            num_bytes, row = path.stat().st_size, 1
            with naming(path, "parquet"), self._open(path) as file:
                own = [name for name in self.schema.names if name not in values]
                for rows in file.iter_batches(_rows_at_once(file.metadata), columns=own):
                    columns = self._complete(rows, values)
                    read = num_bytes * (row - 1 + len(rows)) // max(file.metadata.num_rows, 1)
                    yield Batch(columns, shown[path], row, num_bytes_read=bytes_before + read)
                    row += len(rows)
            bytes_before += num_bytes

    def _open(self, path: Path) -> parquet.ParquetFile:
        return parquet.ParquetFile(path, buffer_size=READ_BYTES, page_checksum_verification=True)

    def _complete(self, rows: pa.RecordBatch, values: dict[str, int | str | None]) -> pa.RecordBatch:
        """Add the columns that the folders give, and give each its type."""
        columns = []
        for name, kind in zip(self.schema.names, self.schema.types, strict=True):
            if name in values:
                columns.append(pa.repeat(pa.scalar(values[name], kind), len(rows)))
            else:
                columns.append(rows.column(name) if rows.column(name).type == kind else rows.column(name).cast(kind))
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def open_parquet(files: Sequence[Path], settings: IngestSettings) -> ParquetTable:
    """Open Parquet files as one table; only their footers are read.

    Raises:
        DataError: A file is no whole Parquet file, or the files' columns differ, or there are no rows.
    """
    schemas, num_rows = [], 0
    for path in files:
        with naming(path, "parquet"), parquet.ParquetFile(path) as file:
            schemas.append(file.schema_arrow)
            num_rows += file.metadata.num_rows
    folder_values = _folder_values(files, schemas[0].names)
    names = same_columns(files, [schema.names for schema in schemas])
    if num_rows == 0:
        raise DataError(
            f"'{files[0]}' holds columns and no rows: {', '.join(names[:10])}.",
            hint="check what wrote it, or correct data.source.",
        )
    fields = [(name, same_type(name, files, [_plain(schema.field(name).type) for schema in schemas])) for name in names]
    fields += [(name, _folder_type([values[name] for values in folder_values])) for name in folder_values[0]]
    return ParquetTable(tuple(files), pa.schema(fields), folder_values, num_rows)


def _rows_at_once(metadata: parquet.FileMetaData) -> int:
    """Return how many rows make up a batch, so that it is not large where rows are wide."""
    groups = range(metadata.num_row_groups)
    num_bytes = sum(metadata.row_group(i).total_byte_size for i in groups)
    # What is stored as few distinct values takes more room when it is read.
    row_bytes = max(8 * metadata.num_columns, num_bytes // max(1, metadata.num_rows))
    return max(1, min(ROWS_AT_ONCE, BATCH_BYTES // max(1, row_bytes)))


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    return PLAIN.get(kind, kind)


def _folder_values(files: Sequence[Path], own: Sequence[str]) -> tuple[dict[str, int | str | None], ...]:
    """Return what the folders right around each file, named `key=value`, say of its rows.

    A column that the files themselves have is theirs. Values are whole numbers where all of a key are.
    """
    found = []
    for path in files:
        values: dict[str, str | None] = {}
        for folder in path.absolute().parents:
            key, equals, value = folder.name.partition("=")
            if not (key and equals):
                break
            values[unquote(key)] = None if value == NO_VALUE else unquote(value)
        found.append({key: values[key] for key in reversed(values) if key not in own})
    for path, values in zip(files, found, strict=True):
        if set(values) != set(found[0]):
            keys = [", ".join(each) or "none" for each in (values, found[0])]
            raise DataError(
                f"the folders of '{path}' give the columns {keys[0]}, and those of '{files[0]}' {keys[1]}.",
                hint="put all files into folders named by the same keys, such as year=2026/month=11.",
            )
    whole = [k for k in found[0] if all(v[k] is None or re.fullmatch(r"-?\d{1,18}", v[k]) for v in found)]
    return tuple({k: int(v) if k in whole and v is not None else v for k, v in values.items()} for values in found)


def _folder_type(values: Sequence[int | str | None]) -> pa.DataType:
    return pa.int64() if all(value is None or isinstance(value, int) for value in values) else pa.string()
