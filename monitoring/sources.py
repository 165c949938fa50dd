"""What the data that a model was trained on look like, so that labelled requests can be written beside them."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
    import pyarrow as pa
    from pyarrow import csv

    parse = csv.ParseOptions(delimiter=data.delimiter, newlines_in_values=True)
    with csv.open_csv(
        first, parse_options=parse, convert_options=csv.ConvertOptions(strings_can_be_null=True)
    ) as reader:
        return pa.schema([field.with_name(field.name.strip()) for field in reader.schema])


def _files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
