"""The labelled requests as a data set to learn from, in the format of the data that the model was trained on.

    <state_dir>/labelled/<key>/<class>/<request>.png    images
    <state_dir>/labelled/<key>/labels.csv               and their classes, where a file gives the old ones theirs
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
from monitoring.retraining.dates import form_of
from monitoring.retraining.labels import LABELLED, key_of
from monitoring.retraining.listed import write_listing
from monitoring.retraining.sources import encoding_of, source_format, source_schema, source_texts, write_csv

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
        listing: For images with `data.labels`, the CSV file that gives the old and the new ones their classes.
    """

    folder: Path
    key: str
    num_examples: int
    listing: Path | None = None


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
        data: The run file's `data` section, `labels` being an absolute path.
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
            hint="give data.source as image folders, CSV or Parquet, or set monitor.policy.retrain: off.",
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
            _write_table(unfinished / f"labelled.{kind}", index, contract, data, sources)
        _write_parquet(unfinished / INDEX_FILE, index)
        os.rename(unfinished, folder)
    listing = write_listing(folder, _listed(index), data, sources) if kind == "images" and data.labels else None
    return LabelledSet(folder, key, index.num_rows, listing)


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
            f"{len(wrong)} of the labels in monitor.labels {what}: {shown}.",
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


def _listed(index: pa.Table) -> list[tuple[str, str, str]]:
    """Return each image's path in the folder, its class and its request."""
    pairs = zip(index[LABELLED].to_pylist(), index[REQUEST_ID].to_pylist(), strict=True)
    return [(_image_path(Path(), request, label).as_posix(), label, request) for label, request in pairs]


def _write_table(path: Path, index: pa.Table, contract: Contract, data: Data, sources: Sequence[str]) -> None:
    import pyarrow as pa

    kind = path.suffix.removeprefix(".")
    schema = source_schema(sources, kind, data)
    of_model = contract.data_schema
    features = [part.name for part in (*of_model.numeric, *of_model.categorical, *of_model.text)]
    label = data.label or "label"
    others = [name for name in (data.time, data.split.group_by) if name]
    names = schema.names if schema is not None else [*features, label, *others]
    columns = {}
    for name in names:
        wanted = schema.field(name).type if schema is not None else None
        if name == data.split.group_by:
            column = _own_groups(index, wanted)
        elif name == data.time and wanted is not None and pa.types.is_string(wanted):
            column = _written_alike(index, source_texts(sources, kind, data, name))
        else:
            column = _column(index, name, label, data.time, features)
        columns[name] = _as_in_source(column, wanted)
    if kind == "parquet":
        _write_parquet(path, pa.table(columns))
    else:
        write_csv(path, pa.table(columns), encoding_of(sources, data), data)


def _column(index: pa.Table, name: str, label: str, time: str | None, features: Sequence[str]) -> pa.ChunkedArray:
    import pyarrow as pa

    if name == label:
        return index[LABELLED]
    if name in features and input_column(name) in index.column_names:
        return index[input_column(name)]
    if name == time:
        return _times(index)
    return pa.chunked_array([pa.nulls(index.num_rows)])


def _times(index: pa.Table) -> pa.ChunkedArray:
    import pyarrow as pa

    return index[TS].cast(pa.timestamp("us")).cast(pa.timestamp("s"), safe=False)


def _written_alike(index: pa.Table, texts: Sequence[str | None]) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    form = form_of(texts)
    return _times(index) if form is None else pc.strftime(_times(index), form)


def _own_groups(index: pa.Table, wanted: pa.DataType | None) -> pa.ChunkedArray:
    """Make each request a group of its own, since the log does not know which one it is of."""
    import pyarrow as pa

    ids = index[REQUEST_ID]
    if wanted is None or not (pa.types.is_integer(wanted) or pa.types.is_floating(wanted)):
        return ids
    largest = 2 ** min(wanted.bit_width - 1, 53)
    numbers = [int(key_of([(request, "")]), 16) % largest for request in ids.to_pylist()]
    return pa.chunked_array([pa.array(numbers, pa.int64()).cast(wanted, safe=False)])


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
