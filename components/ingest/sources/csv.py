"""CSV files as one table, read as a stream."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from components.ingest.batches import Batch, TypeChanged
from components.ingest.ordered import MAX_THREADS, in_order
from components.ingest.sources.failures import naming
from components.ingest.sources.folders import shown_names
from components.ingest.sources.numbers import number_with_comma
from components.ingest.sources.parsing import Misfit, NotUtf8, Parsed, check_utf8, parse, read
from components.ingest.sources.positions import Positions
from components.ingest.sources.records import CsvFile, Records, open_file
from components.ingest.sources.text import undecodable
from components.ingest.sources.types import Tally, same_columns, same_type
from estafet.errors import DataError
from estafet.runfile.steps import IngestSettings

NUM_THREADS = min(pa.cpu_count(), MAX_THREADS)
SAMPLE_BYTES = 1 << 20
"""How much of the first file is looked at to learn its types; of the others it is a quarter."""
PINNED = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "category": pa.string(),
    "text": pa.string(),
}
"""Type of a column for each type of a pinned schema; of the others, what the values look like decides."""


@dataclass(frozen=True)
class CsvTable:
    """CSV files with the same columns.

    Attributes:
        parts: The files.
        schema: The columns and their types.
        settings: How the files are written, and what is to be learnt from them.
        certain: The columns whose types are pinned or come from all values, so that a value of another type is wrong.
        num_rows: Not known before the files are read.
    """

    parts: tuple[CsvFile, ...]
    schema: pa.Schema
    settings: IngestSettings
    certain: frozenset[str]
    num_rows: None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files, in order."""
        return tuple(part.path for part in self.parts)

    @property
    def num_bytes(self) -> int:
        """Size of the files."""
        return sum(path.stat().st_size for path in self.files)

    def batches(self) -> Iterator[Batch]:
        """Read all rows in order.

        Raises:
            TypeChanged: The types of the first rows do not suit later ones.
            DataError: A file is damaged, or not of its encoding.
        """
        positions, certain = Positions(self.files), self.certain
        blocks = ((part, block) for part in self.parts for block in part.blocks())
        work = in_order(lambda given: (*given, self._parse(*given, certain)), blocks, NUM_THREADS)
        for part, block, parsed in work:
            positions.enter(part.path)
            if isinstance(parsed, Misfit):
                if not certain.issuperset(parsed.columns):
                    self._settle(part, parsed, positions.row)
                    certain = frozenset(self.schema.names)
                parsed = self._parse(part, block, certain)
            if isinstance(parsed, NotUtf8):
                raise _not_utf8(part, block.content, parsed, positions.row)
            if block.is_header:
                positions.repeated_header(block.content.decode().strip())
            else:
                yield from positions.batches(parsed, block.num_bytes_read)
        yield from positions.rest(self.schema)

    def _parse(self, part: CsvFile, block: Records, certain: frozenset[str]) -> Parsed | Misfit | NotUtf8 | None:
        if block.is_header:
            return None
        try:
            with naming(part.path, "csv"):
                return parse(block.content, part, self.schema, certain)
        except (Misfit, NotUtf8) as error:
            return error

    def _settle(self, part: CsvFile, misfit: Misfit, row: int) -> None:
        """Look at all values of all columns but those of words, which hold anything.

        Raises:
            TypeChanged: They are of other types.
        """
        columns = [field.name for field in self.schema if field.type != pa.string()]
        blocks = ((file, block.content) for file in self.parts for block in file.blocks() if not block.is_header)
        looks = in_order(lambda given: (given[0], _look(*given, columns)), blocks, NUM_THREADS)
        tallies = [
            _tally((look for _, look in of_file), self.settings)
            for _, of_file in groupby(looks, key=lambda look: look[0].path)
        ]
        schema = _schema(self.parts, tallies, self.settings, self.schema)
        changed = [field for field in schema if field != self.schema.field(field.name)]
        if changed:
            file = shown_names(self.files)[part.path]
            raise TypeChanged(
                replace(self, schema=schema, certain=frozenset(schema.names)),
                f"{file} row {row + misfit.row:,}: {misfit.text!r} in column '{misfit.column}' is of another "
                f"type than the rows before it; now {', '.join(f'{f.name!r} is {f.type}' for f in changed)}",
            )


def open_csv(files: Sequence[Path], settings: IngestSettings) -> CsvTable:
    """Open CSV files as one table, whose types are those of the first rows of each.

    Raises:
        ConfigError: The encoding is unknown, or the delimiter or quote no ASCII character.
        DataError: A file has no rows or is not of its encoding; the files' columns differ; or most lines have another
            number of fields than the header.
    """
    parts = tuple(open_file(path, settings) for path in files)
    names = same_columns(files, [part.names for part in parts])
    samples = in_order(lambda part: _sample(part, is_first=part is parts[0]), parts, NUM_THREADS)
    tallies = [_tally([sample], settings) for sample in samples]
    unknown = pa.schema([(name, pa.null()) for name in names])
    pinned = {name for name in _pinned(settings) if name in names}
    return CsvTable(parts, _schema(parts, tallies, settings, unknown), settings, frozenset(pinned))


def _sample(part: CsvFile, *, is_first: bool) -> pa.RecordBatch:
    """Return the first rows of a file in the types that they seem to have."""
    block = next((block.content for block in part.blocks() if not block.is_header), b"")
    most = SAMPLE_BYTES if is_first else SAMPLE_BYTES // 4
    if len(block) > most:
        block = block[: part.quoting.last_end(block[:most])] or block
    if not block:
        raise DataError(
            f"'{part.path}' holds a header and no rows: {', '.join(part.names[:10])}.",
            hint="check what wrote it, or correct data.source.",
        )
    try:
        check_utf8(block)
    except NotUtf8 as error:
        raise _not_utf8(part, block, error, 1) from error
    rows, ragged = read(block, part, {}, part.names)
    if len(ragged) >= len(rows):
        first = ragged[0]
        raise DataError(
            f"{len(ragged):,} of the first {len(rows) + len(ragged):,} rows of '{part.path}' do not have "
            f"{first.expected_columns} fields as its header has: row {first.number:,} has {first.actual_columns} "
            f"({first.text[:60]!r}).",
            hint="mend them, or set data.delimiter to the character between the fields.",
        )
    if part.settings.decimal == ".":
        _refuse_decimal_commas(part.path, rows)
    return rows


def _look(part: CsvFile, content: bytes, columns: Sequence[str]) -> pa.RecordBatch:
    return read(content, part, {}, columns)[0]


def _tally(looks: Iterable[pa.RecordBatch], settings: IngestSettings) -> dict[str, Tally]:
    tallies: dict[str, Tally] = {}
    for look in looks:
        for name, column in zip(look.schema.names, look.columns, strict=True):
            tallies.setdefault(name, Tally()).add(column, settings.decimal)
    return tallies


def _schema(
    parts: Sequence[CsvFile], tallies: Sequence[Mapping[str, Tally]], settings: IngestSettings, known: pa.Schema
) -> pa.Schema:
    """Return the types that suit all files; those of columns without a tally are known already."""
    pinned = _pinned(settings)
    of_words = {settings.label or "label" if settings.task.is_classification else "", settings.split.group_by}
    of_words |= {*settings.series_by, *settings.ignore}
    fields = []
    for name, kind in zip(known.names, known.types, strict=True):
        if name in pinned:
            kind = pinned[name]
        elif name in tallies[0]:
            types = [tally[name].type(may_hold_words=name in of_words) for tally in tallies]
            kind = same_type(name, [part.path for part in parts], types)
        fields.append((name, kind))
    return pa.schema(fields)


def _pinned(settings: IngestSettings) -> dict[str, pa.DataType]:
    columns = {} if settings.expected is None else settings.expected.columns
    pinned = {name: PINNED[column.type] for name, column in columns.items() if column.type in PINNED}
    return pinned | dict.fromkeys(settings.text or (), pa.string())


def _refuse_decimal_commas(path: Path, rows: pa.RecordBatch) -> None:
    """Refuse to learn numbers as if they were words."""
    found = {name: number_with_comma(rows.column(name)) for name in rows.schema.names}
    found = {name: number for name, number in found.items() if number}
    if found:
        name, number = next(iter(found.items()))
        hint = 'set data.decimal: ","'
        if re.fullmatch(r"\s*[-+]?\d{1,3}(,\d{3})+\s*", number):
            hint = f"if the comma groups thousands, write the numbers without it; if it begins the fraction, {hint}"
        raise DataError(
            f"{len(found)} column(s) of '{path}' hold numbers with a decimal comma, such as {number!r} in '{name}'.",
            hint=hint,
        )


def _not_utf8(part: CsvFile, content: bytes, error: NotUtf8, first_row: int) -> DataError:
    newline = part.quoting.newline
    start, end = content.rfind(newline, 0, error.place) + 1, content.find(newline, error.place)
    line = content[start : end if end >= 0 else None].decode(errors="replace").rstrip("\r")
    row = first_row + content.count(newline, 0, error.place)
    return undecodable(part.path, "utf-8", content[error.place], row, line)
