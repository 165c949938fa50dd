"""What there is to say of a raw table, after one pass over it in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cli.inspection.charts import Card
from cli.inspection.columns import number_card, word_card
from cli.inspection.problems import Problems, rows_of
from cli.inspection.progress import ProgressLine
from cli.inspection.sections import Findings, Section, counted, in_bytes, in_percent
from components.ingest.batches import Table, TypeChanged
from components.ingest.quality.profile import ColumnProfile, TableProfile
from components.ingest.quality.validation import Validator
from components.ingest.sources import open_table
from estafet.errors import DataError
from estafet.records.manifest import Anomaly, BadExample
from estafet.runfile.steps import IngestSettings
from estafet.source_schema import SourceSchema

TYPE_CHANGES = 1000
COLUMNS = ("column", "type", "missing", "min", "max", "mean", "std", "distinct", "most frequent")
FREQUENT_WORDS = 10
LONGEST_WORD = 40


@dataclass
class SeenTable:
    """A table that has been read once, from its first row to its last.

    Attributes:
        settings: How it was read.
        data_format: csv, parquet or npz.
        table: The files and the columns' types.
        profile: What is known of the columns.
        anomalies: What is wrong.
        rows: The first rows.
        notes: What became clear on the way, such as a column whose type changed.
    """

    settings: IngestSettings
    data_format: str
    table: Table
    profile: TableProfile = field(default_factory=TableProfile)
    anomalies: tuple[Anomaly, ...] = ()
    rows: list[dict[str, object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def source_schema(self) -> SourceSchema:
        """Return what the table is like, to be edited and pinned."""
        return self.profile.source_schema(time=self.settings.time)


def inspect(
    files: Sequence[Path], data_format: str, settings: IngestSettings, num_rows: int, progress: ProgressLine
) -> SeenTable:
    """Read a table once, and keep what there is to know of it.

    Args:
        files: Its files.
        data_format: csv, parquet or npz.
        settings: How they are to be read.
        num_rows: Number of rows to keep as they are.
        progress: Told how far it is.

    Raises:
        DataError: A file cannot be read.
    """
    seen = SeenTable(settings, data_format, open_table(files, data_format, settings))
    for _ in range(TYPE_CHANGES):
        try:
            return _read(seen, num_rows, progress)
        except TypeChanged as changed:
            seen = SeenTable(settings, data_format, changed.table, notes=[*seen.notes, changed.message])
    raise DataError(f"the types of the columns of '{files[0]}' changed {TYPE_CHANGES:,} times.", hint="mend the file.")


def _read(seen: SeenTable, num_rows: int, progress: ProgressLine) -> SeenTable:
    problems, validator = Problems(), Validator(seen.settings, seen.settings.expected)
    extra = validator.check_columns(seen.table.schema)
    for batch in seen.table.batches():
        seen.profile.add(batch.columns)
        problems.take(batch, validator.problems(batch))
        if len(seen.rows) < num_rows:
            seen.rows += batch.columns.slice(0, num_rows - len(seen.rows)).to_pylist()
        progress.num_rows = seen.profile.num_rows
        progress("reading", batch.num_bytes_read, seen.table.num_bytes)
    seen.anomalies = (*problems.sorted(), *validator.after(seen.profile), *map(_extra_column, extra))
    return seen


def _extra_column(name: str) -> Anomaly:
    first = (BadExample(where="all rows", reason="the pinned schema does not have it, so nothing is learnt from it"),)
    return Anomaly(column=name, kind="extra_column", count=1, first=first)


def findings(seen: SeenTable, name: str) -> Findings:
    """Return what there is to say of a table."""
    profile, num_files = seen.profile, len(seen.table.files)
    count = sum(anomaly.count for anomaly in seen.anomalies)
    cells = sum(column.count for column in profile.columns.values()) or 1
    missing = sum(column.num_missing for column in profile.columns.values()) / cells
    size = f"{counted(profile.num_rows, 'row')} × {counted(len(profile.columns), 'column')}"
    wrong = counted(count, "problem") if count else "no problem"
    return Findings(
        title=name,
        subtitle=f"{seen.data_format} · {counted(num_files, 'file')} · {in_bytes(seen.table.num_bytes)}",
        verdict=f"{size}; {wrong}",
        tone="warn" if count else "good",
        facts={
            "rows": profile.num_rows,
            "columns": len(profile.columns),
            "files": num_files,
            "size": in_bytes(seen.table.num_bytes),
            "values missing": in_percent(missing),
            "problems": count,
        },
        sections=(*_notes(seen), _columns(seen), _problems(seen), _sample(seen), *_files(seen)),
    )


def _notes(seen: SeenTable) -> list[Section]:
    return [Section("Types", " ".join(seen.notes), "warn")] if seen.notes else []


def _columns(seen: SeenTable) -> Section:
    rows = [_row(name, column) for name, column in seen.profile.columns.items()]
    keys = [key for key in COLUMNS if any(key in row for row in rows)]
    cards = tuple(_card(name, column) for name, column in seen.profile.columns.items())
    return Section("Columns", rows=tuple({key: row.get(key) for key in keys} for row in rows), cards=cards, limit=100)


def _row(name: str, column: ColumnProfile) -> dict[str, object]:
    row: dict[str, object] = {"column": name, "type": column.type, "missing": in_percent(column.missing_share)}
    if column.kind in ("number", "integer"):
        return row | {"min": column.min, "max": column.max, "mean": _known(column.mean), "std": _known(column.std)}
    if column.kind == "time":
        return row | {"min": _shown_time(column.min), "max": _shown_time(column.max)}
    if column.kind == "boolean":
        return row | {"mean": _known(column.mean)}
    if column.kind == "word":
        distinct = column.num_distinct
        top = column.top[:FREQUENT_WORDS]
        words = ", ".join(f"{_short(word)} ({count:,})" for word, count in top)
        if len(top) == FREQUENT_WORDS and top[0][1] == 1:
            words = "none occurs twice"
        return row | {"distinct": "very many" if distinct is None else distinct, "most frequent": words}
    return row


def _card(name: str, column: ColumnProfile) -> Card:
    if column.kind == "word":
        return word_card(name, column.num_distinct, column.missing_share, dict(column.top), column.count)
    if column.kind in ("number", "integer", "boolean"):
        return number_card(name, column.type, column.missing_share, column.sample)
    between = f", {_shown_time(column.min)} to {_shown_time(column.max)}" if column.kind == "time" else ""
    return Card(name, f"{column.type}{between}")


def _problems(seen: SeenTable) -> Section:
    if not seen.anomalies:
        return Section("Problems", "None was found.", "good")
    text = "What ingest does with them is for data.on_anomaly to say: fail, quarantine or ignore."
    return Section("Problems", text, "warn", rows=rows_of(seen.anomalies))


def _sample(seen: SeenTable) -> Section:
    rows = tuple({name: _shown(value) for name, value in row.items()} for row in seen.rows)
    return Section("First rows", rows=rows, limit=len(rows))


def _files(seen: SeenTable) -> list[Section]:
    if len(seen.table.files) < 2:
        return []
    rows = ({"file": path.name, "size": in_bytes(path.stat().st_size)} for path in seen.table.files)
    return [Section("Files", rows=tuple(rows), limit=10)]


def _known(number: float) -> float | None:
    return None if number != number else number


def _shown_time(time: object) -> str:
    return "" if time is None else str(time).removesuffix(" 00:00:00")


def _shown(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float) else _short(str(value))


def _short(word: str) -> str:
    word = " ".join(word.split())
    return word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD - 1]}…"
