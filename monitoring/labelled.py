"""The labelled requests as a data set to learn from, in the format of the data that the model was trained on.

    <state_dir>/labelled/<key>/<class>/<request>.png    images
    <state_dir>/labelled/<key>/labelled.csv             tables (or .parquet)
    <state_dir>/labelled/<key>/.requests.parquet        which requests these are; ingest reads no hidden file

Each holds everything that was labelled until then, also what the request log has forgotten since.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from estafet.errors import ConfigError, DataError
from estafet.files import replacing
from estafet.release import IMAGE_INPUT, Contract
from estafet.request_log import REQUEST_ID, TS, input_column
from estafet.runfile.data import Data
from monitoring.labels import LABELLED, key_of
from monitoring.sources import source_format, source_schema

if TYPE_CHECKING:
    import pyarrow as pa

INDEX_FILE = ".requests.parquet"
NUM_NAMED = 3
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True)
class LabelledSet:
    """A labelled data set on disk.

    Attributes:
        folder: Where it is; a source for ingest.
        key: Fingerprint of its requests and labels.
        num_examples: How many requests it holds.
    """

    folder: Path
    key: str
    num_examples: int


def pairs_in(folder: str | Path | None) -> set[tuple[str, str]]:
    """Return the request ids and labels of a labelled data set; none where there is no such folder (any more)."""
    if folder is None or not (Path(folder) / INDEX_FILE).is_file():
        return set()
    index = _read_index(folder)
    return set(zip(index[REQUEST_ID].to_pylist(), index[LABELLED].to_pylist(), strict=True))


def write_labelled(
    root: str | Path,
    requests: pa.Table,
    contract: Contract,
    data: Data,
    sources: Sequence[str],
    earlier: str | Path | None = None,
) -> LabelledSet:
    """Write labelled requests, and those of an earlier set that are not among them, whole or not at all.

    Args:
        root: The folder of labelled data sets.
        requests: Rows of the request log with the column `LABELLED`.
        contract: What the served model takes and gives.
        data: The run file's `data` section.
        sources: What the model was trained on, whose format and columns are taken over.
        earlier: The folder of an earlier set.

    Raises:
        DataError: A label is none of the classes, or no number.
        ConfigError: The sources have a format to which nothing can be added.
    """
    import pyarrow.compute as pc

    _check_labels(requests[LABELLED].to_pylist(), contract)
    kind = source_format(sources, data.format, contract.task)
    if kind == "npz":
        raise ConfigError(
            "labelled requests cannot be added to .npz arrays.",
            hint="give data.source as image folders, CSV or Parquet, or set monitor.retrain.mode: off.",
        )
    old = _read_index(earlier) if earlier is not None and (Path(earlier) / INDEX_FILE).is_file() else None
    if old is not None:
        old = old.filter(pc.invert(pc.is_in(old[REQUEST_ID], value_set=requests[REQUEST_ID].combine_chunks())))
    index = _concatenate(requests.drop_columns([IMAGE_INPUT]) if kind == "images" else requests, old)
    key = key_of(list(zip(index[REQUEST_ID].to_pylist(), index[LABELLED].to_pylist(), strict=True)))
    folder = Path(root) / key
    if not folder.is_dir():
        unfinished = folder.with_name(f".{key}.tmp")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        if kind == "images":
            _write_images(unfinished, requests, old, earlier)
        else:
            _write_table(unfinished / f"labelled.{kind}", index, contract, data, source_schema(sources, kind, data))
        _write_parquet(unfinished / INDEX_FILE, index)
        os.rename(unfinished, folder)
    return LabelledSet(folder, key, index.num_rows)


def _check_labels(labels: Sequence[str], contract: Contract) -> None:
    if contract.task.is_classification:
        known = set(contract.data_schema.label.classes or ())
        wrong = sorted({label for label in labels if label not in known})
        what, hint = "are no class of the model", f"the classes are {', '.join(sorted(known)[:20])}"
    else:
        wrong = sorted({label for label in labels if not _is_number(label)})
        what, hint = "are no numbers", "the model predicts a number"
    if wrong:
        shown = ", ".join(f"'{label}'" for label in wrong[:NUM_NAMED]) + (", …" if len(wrong) > NUM_NAMED else "")
        raise DataError(
            f"{len(wrong)} of the labels in monitor.retrain.labels {what}: {shown}.",
            hint=f"correct them; {hint}. A new class has to be in data.source first.",
        )


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False


def _concatenate(requests: pa.Table, old: pa.Table | None) -> pa.Table:
    import pyarrow as pa

    return requests if old is None else pa.concat_tables([requests, old], promote_options="permissive")


def _write_images(folder: Path, requests: pa.Table, old: pa.Table | None, earlier: str | Path | None) -> None:
    rows = zip(*(requests[name].to_pylist() for name in (REQUEST_ID, LABELLED, IMAGE_INPUT)), strict=True)
    for request, label, image in rows:
        path = _image_path(folder, request, label)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(image or b"")
    if old is None:
        return
    for request, label in zip(old[REQUEST_ID].to_pylist(), old[LABELLED].to_pylist(), strict=True):
        path = _image_path(folder, request, label)
        path.parent.mkdir(exist_ok=True)
        shutil.copyfile(_image_path(Path(earlier), request, label), path)


def _image_path(folder: Path, request: str, label: str) -> Path:
    """The ending says nothing of the format, which readers tell by the first bytes; ids that look alike stay apart."""
    name = request if not _UNSAFE.search(request) and len(request) < 100 else key_of([(request, label)])
    return folder / label / f"request-{name}.png"


def _write_table(path: Path, index: pa.Table, contract: Contract, data: Data, schema: pa.Schema | None) -> None:
    import pyarrow as pa
    from pyarrow import csv

    features = [part.name for part in (*contract.data_schema.numeric, *contract.data_schema.categorical)]
    label = data.label or "label"
    names = schema.names if schema is not None else [*features, label, *([data.time] if data.time else [])]
    columns = {}
    for name in names:
        column = _column(index, name, label, data.time, features)
        columns[name] = _as_in_source(column, schema.field(name).type if schema is not None else None)
    table = pa.table(columns)
    if path.suffix == ".parquet":
        _write_parquet(path, table)
    else:
        with replacing(path, "wb") as file:
            csv.write_csv(table, file, csv.WriteOptions(delimiter=data.delimiter))


def _column(index: pa.Table, name: str, label: str, time: str | None, features: Sequence[str]) -> pa.ChunkedArray:
    import pyarrow as pa

    if name == label:
        return index[LABELLED]
    if name in features and input_column(name) in index.column_names:
        return index[input_column(name)]
    if name == time:
        return index[TS].cast(pa.timestamp("us")).cast(pa.timestamp("s"), safe=False)
    return pa.chunked_array([pa.nulls(index.num_rows)])


def _as_in_source(column: pa.ChunkedArray, wanted: pa.DataType | None) -> pa.ChunkedArray:
    """Cast to the source's type, so that both are read as one column; what does not fit stays as it was logged."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    elif pa.types.is_string(column.type):
        column = pc.if_else(pc.equal(column, ""), None, column)
    if wanted is None or pa.types.is_null(wanted):
        return column
    try:
        return column.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return column


def _read_index(folder: str | Path) -> pa.Table:
    import pyarrow.parquet as pq

    with pq.ParquetFile(Path(folder) / INDEX_FILE) as file:
        return file.read()


def _write_parquet(path: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    with replacing(path, "wb") as file:
        pq.write_table(table, file)
