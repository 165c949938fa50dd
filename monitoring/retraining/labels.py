"""Labels of served requests: read from a file, and joined with the request log."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from estafet import request_log
from estafet.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

REQUEST_ID, LABEL = request_log.REQUEST_ID, "label"
LABELLED = "estafet_label"
"""The column of labels beside a request's own columns, one of which may be named `label`."""


def read_labels(path: str | Path) -> dict[str, str]:
    """Read labels; the last row of a request counts, and a row without a label is left out.

    Args:
        path: CSV file with the columns `request_id` and `label`, or a folder with such files, as a model server drops
            them; they are read in the order of their names.

    Raises:
        DataError: A file cannot be read, or a column is missing.
    """
    if Path(path).is_dir():
        labels: dict[str, str] = {}
        for file in sorted(Path(path).glob("[!.]*.csv")):
            labels |= _read_file(file)
        return labels
    return _read_file(path)


def _read_file(path: str | Path) -> dict[str, str]:
    hint = "write a CSV file in UTF-8 with the columns request_id and label; see monitor.labels."
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = {REQUEST_ID, LABEL} - set(rows.fieldnames or ())
            if missing:
                raise DataError(
                    f"the file of labels {path} lacks the column {' and '.join(sorted(missing))}.", hint=hint
                )
            pairs = [((row[REQUEST_ID] or "").strip(), (row[LABEL] or "").strip()) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"the file of labels {path} cannot be read: {error}.", hint=hint) from error
    return {request: label for request, label in pairs if request and label}


def labelled_requests(requests_dir: str | Path, model: str, labels: Mapping[str, str]) -> pa.Table:
    """Return the logged requests that have a label, to any version, sorted by request id.

    Returns:
        The columns of the request log, and `LABELLED` with the label; of a request that is logged twice, the
        first.

    Raises:
        DataError: A file of the log is damaged.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(sorted(labels), pa.string())
    tables = []
    for _, path in request_log.part_files(requests_dir, model):
        ids = request_log.read_part(path, [REQUEST_ID])[REQUEST_ID].cast(pa.string())
        chosen = pc.is_in(ids, value_set=wanted)
        if pc.any(chosen).as_py():
            tables.append(request_log.read_part(path).filter(chosen))
    if not tables:
        return request_log.empty_table().append_column(LABELLED, pa.array([], pa.string()))
    table = pa.concat_tables(tables, promote_options="permissive")
    first: dict[str, int] = {}
    for row, request in enumerate(table[REQUEST_ID].to_pylist()):
        first.setdefault(request, row)
    table = table.take([first[request] for request in sorted(first)])
    found = [labels[request] for request in table[REQUEST_ID].to_pylist()]
    return table.append_column(LABELLED, pa.array(found, pa.string()))


def labelled_ids(requests_dir: str | Path, model: str, labels: Mapping[str, str]) -> set[str]:
    """Return the ids of the logged requests that have a label, reading nothing else of the log.

    Raises:
        DataError: A file of the log is damaged.
    """
    found: set[str] = set()
    for _, path in request_log.part_files(requests_dir, model):
        ids = request_log.read_part(path, [REQUEST_ID])[REQUEST_ID].to_pylist()
        found.update(id_ for id_ in ids if id_ in labels)
    return found


def key_of(pairs: Collection[tuple[str, str]]) -> str:
    """Return the name of a labelled data set: a fingerprint of its request ids and labels."""
    digest = hashlib.sha256()
    for request, label in sorted(pairs):
        digest.update(f"{len(request)}:{request}{len(label)}:{label}".encode())
    return digest.hexdigest()[:16]
