"""What the data that a model was trained on look like, so that labelled requests can be written beside them."""

from __future__ import annotations

import codecs
import csv
import glob
import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from estafet.files import replacing
from estafet.runfile.data import Data
from estafet.runfile.tasks import Task

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".gz": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".npz": "npz",
    ".png": "images",
    ".jpg": "images",
    ".jpeg": "images",
}
NUM_FIRST_ROWS = 10_000


def source_format(sources: Sequence[str], given: str, task: Task) -> str:
    """Return `csv`, `parquet`, `npz` or `images`: what the run file says, or else the ending of the first file."""
    if given != "auto":
        return given
    first = first_file(sources)
    if first is None:
        return "images" if task is Task.IMAGE_CLASSIFICATION else "parquet"
    return ENDINGS[first.suffix.lower()]


def first_file(sources: Sequence[str], kind: str | None = None) -> Path | None:
    """Return the first file of the sources (of one format, where it is given), or None where none is at hand."""
    for source in sources:
        for root in [source] if Path(source).exists() else sorted(glob.glob(source, recursive=True)):
            path = Path(root)
            for file in [path] if path.is_file() else _files_below(path):
                if ENDINGS.get(file.suffix.lower()) in ([kind] if kind else ENDINGS.values()):
                    return file
    return None


def source_schema(sources: Sequence[str], kind: str, data: Data) -> pa.Schema | None:
    """Return the columns of the first file of a table, with their types; None where it is not at hand.

    Args:
        sources: Files, folders or globs.
        kind: `csv` or `parquet`.
        data: The run file's `data` section.
    """
    first = first_file(sources, kind)
    if first is None:
        return None
    if kind == "parquet":
        import pyarrow.parquet as pq

        return pq.read_schema(first).remove_metadata()
    with _open_csv(first, data) as reader:
        return reader.schema


def source_texts(sources: Sequence[str], kind: str, data: Data, name: str) -> list[str | None]:
    """Return what a column of words holds in the first rows of a table; nothing where no file is at hand."""
    first = first_file(sources, kind)
    if first is None:
        return []
    if kind == "parquet":
        import pyarrow.parquet as pq

        with pq.ParquetFile(first) as file:
            batch = next(file.iter_batches(NUM_FIRST_ROWS, columns=[name]), None)
    else:
        with _open_csv(first, data) as reader:
            batch = next(iter(reader), None)
    return [] if batch is None else batch.column(name).to_pylist()


def encoding_of(sources: Sequence[str], data: Data) -> str:
    """Return the encoding of the first file of a CSV table: what the run file says, or what the first bytes do."""
    first = first_file(sources, "csv")
    if data.encoding != "auto" or first is None:
        return "utf-8" if data.encoding == "auto" else data.encoding
    with gzip.open(first) if first.suffix == ".gz" else first.open("rb") as file:
        return encoding_by_mark(file.read(4))


def encoding_by_mark(start: bytes) -> str:
    """Return the encoding that a byte-order mark names; UTF-8 without one."""
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def write_csv(path: Path, table: pa.Table, encoding: str, data: Data) -> None:
    """Write a table as the run file says that tables are written: delimiter, quotes and decimal sign."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = []
    for column in table.columns:
        texts = column.cast(pa.string())
        if pa.types.is_floating(column.type):
            texts = pc.replace_substring(texts, ".", data.decimal)
        columns.append(pc.fill_null(texts, "").to_pylist())
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=data.delimiter, quotechar=data.quote, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(zip(*columns, strict=True))
    with replacing(path, "wb") as file:
        file.write(text.getvalue().encode(encoding))


@contextmanager
def _open_csv(path: Path, data: Data) -> Iterator[pa.RecordBatchReader]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    read = arrow_csv.ReadOptions(encoding=encoding_of([str(path)], data))
    delimiter = "\t" if ".tsv" in path.suffixes and data.delimiter == "," else data.delimiter
    parse = arrow_csv.ParseOptions(delimiter=delimiter, quote_char=data.quote, newlines_in_values=True)
    convert = arrow_csv.ConvertOptions(strings_can_be_null=True, decimal_point=data.decimal)
    with arrow_csv.open_csv(path, read, parse, convert) as reader:
        schema = pa.schema([field.with_name(field.name.strip()) for field in reader.schema])
        batches = (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in reader)
        yield pa.RecordBatchReader.from_batches(schema, batches)


def _files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
