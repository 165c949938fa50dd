"""Looks at data cheaply: the kind of file, and the first rows of a table or the folders of images."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cli.proposal import images, listed
from cli.proposal.delimiter import sniff
from cli.proposal.seen import LOOK_ROWS, ImagesLook, TableLook
from estafet.errors import DataError

if TYPE_CHECKING:
    pass

ENDINGS = {
    "csv": (".csv", ".tsv", ".txt", ".csv.gz"),
    "parquet": (".parquet", ".pq"),
    "npz": (".npz",),
    "images": (".png", ".jpg", ".jpeg"),
}
LOOK_BYTES = 16_000_000


def look(path: Path, label: str | None = None) -> TableLook | ImagesLook:
    """Look at a file, a folder of files of one kind, or a folder of images.

    Args:
        path: The file or folder.
        label: The column to predict, where the user has named it.

    Raises:
        ConfigError: Images are listed in a file that has no such column.
        DataError: There is nothing there, or nothing that a pipeline can read.
    """
    if path.is_dir() and (found := listed.look_at_listed(path, label)):
        return found
    files, data_format = _find(path)
    if data_format == "images":
        return images.look_at_folder(path)
    if files[0].stat().st_size == 0:
        raise DataError(f"'{files[0]}' is empty (0 bytes).", hint="write it again, or give another file.")
    looks: dict[str, Callable[[Path], TableLook | ImagesLook]] = {
        "csv": _csv,
        "parquet": _parquet,
        "npz": images.look_at_arrays,
    }
    try:
        first = looks[data_format](files[0])
    except UnicodeDecodeError as error:
        raise DataError(
            f"'{files[0]}' cannot be read as {error.encoding.upper()}: {error.reason} at byte {error.start:,}.",
            hint=f"convert it: iconv -f latin1 -t utf-8 '{files[0]}' > utf8-{files[0].name}; or write a run file with "
            "data.encoding, which reads it as it is.",
        ) from error
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:  # Arrow's own errors are ValueErrors
        message = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"'{files[0]}' cannot be read as {data_format}: {message}.", hint="mend the file, or give another one."
        ) from error
    return _check(first, files) if isinstance(first, TableLook) else first


def _find(path: Path) -> tuple[list[Path], str]:
    if not path.exists():
        near = sorted(entry.name for entry in path.parent.iterdir())[:10] if path.parent.is_dir() else []
        there = f"in '{path.parent}' there is {', '.join(near)}." if near else "check the path."
        raise DataError(f"'{path}' does not exist.", hint=there)
    entries = [path] if path.is_file() else sorted(entry for entry in path.rglob("*") if entry.is_file())
    for data_format in ("parquet", "csv", "npz", "images"):
        files = [e for e in entries if e.name.lower().endswith(ENDINGS[data_format]) and not e.name.startswith(".")]
        if files and not (data_format == "images" and path.is_file()):
            return files, data_format
    if path.is_file() and path.name.lower().endswith(ENDINGS["images"]):
        raise DataError(
            f"'{path}' is one image.", hint=f"give the folder that holds one folder for each class: {path.parent}."
        )
    raise DataError(
        f"'{path}' holds no CSV, Parquet, .npz, PNG or JPEG file.",
        hint="give a table, an .npz file, or a folder with one folder of images for each class.",
    )


def _csv(path: Path) -> TableLook:
    import pyarrow as pa
    from pyarrow import csv

    from components.ingest.sources.numbers import number_with_comma

    encoding, delimiter = sniff(path)
    options = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)

    def first_rows(decimal: str) -> pa.Table:
        convert = csv.ConvertOptions(strings_can_be_null=True, decimal_point=decimal)
        with csv.open_csv(path, csv.ReadOptions(block_size=LOOK_BYTES, encoding=encoding), options, convert) as reader:
            batch = next(iter(reader), None)  # none where there is a header only
            return reader.schema.empty_table() if batch is None else pa.Table.from_batches([batch])

    table, decimal = first_rows("."), "."
    if any(number_with_comma(column) for column in table.columns):
        table, decimal = first_rows(","), ","
    table = table.rename_columns([name.strip() for name in table.column_names])
    share = min(1.0, LOOK_BYTES / path.stat().st_size)
    return TableLook("csv", table, round(len(table) / share), delimiter=delimiter, decimal=decimal)


def _parquet(path: Path) -> TableLook:
    import pyarrow as pa
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    batch = next(file.iter_batches(batch_size=LOOK_ROWS), None)
    rows = file.schema_arrow.empty_table() if batch is None else pa.Table.from_batches([batch])
    return TableLook("parquet", rows, file.metadata.num_rows)


def _check(first: TableLook, files: list[Path]) -> TableLook:
    """Refuse what no pipeline could learn from, and count the rows of all files by their size."""
    names = first.rows.column_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"'{files[0]}' has several columns named {', '.join(map(repr, twice))}.", hint="rename them.")
    if len(first.rows) == 0:
        raise DataError(f"'{files[0]}' holds a header and no rows: {', '.join(names[:10])}.", hint="give some rows.")
    if first.format == "csv" and all(_is_number(name) for name in names):
        raise DataError(
            f"the first line of '{files[0]}' holds numbers, not names: {', '.join(names[:5])}.",
            hint="put a line with the columns' names above it.",
        )
    if len(names) == 1:
        raise DataError(
            f"'{files[0]}' has one column, {names[0]!r}.", hint="give a table with features and a label beside them."
        )
    num_rows = round(first.num_rows * sum(file.stat().st_size for file in files) / files[0].stat().st_size)
    return TableLook(first.format, first.rows, num_rows, len(files), first.delimiter, first.decimal)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
