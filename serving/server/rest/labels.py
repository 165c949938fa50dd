"""Takes labels that arrive after their requests, and drops them as CSV files that the monitor reads.

    POST /estafet/labels    {"labels": {"order-7-0": "cat", "order-7-1": "dog"}}

The ids are those of the request log: the request's id (`X-Estafet-Request-Id` of its answer), a dash, and the number
of the instance in the request, from 0.
"""

from __future__ import annotations

import csv
import itertools
import os
import time
from pathlib import Path
from typing import Any

from estafet.files import replacing
from serving.server.rest.answers import Answer, error, text
from serving.server.rest.json_fast import read
from serving.server.status import StatusError

PATH = "/estafet/labels"
MAX_CHARS = 1000
_sequence = itertools.count()


def take(body: bytes, folder: Path | None) -> Answer:
    """Write a body's labels into a new file in `folder`; it appears whole, by renaming.

    Args:
        body: The request's body.
        folder: Where the files go; None where the server keeps no request log.

    Returns:
        The number of labels that are on disk, or what is wrong with them.
    """
    if folder is None:
        return error(404, "This server keeps no request log, and so takes no labels; start it with --requests-dir")
    try:
        labels = _checked(read(body))
    except StatusError as problem:
        return error(400, problem.message)
    try:
        _write(folder, labels)
    except OSError as problem:
        return error(503, f"The labels cannot be written: {problem.strerror or type(problem).__name__}")
    return text(f'{{\n    "labels": {len(labels)}\n}}')


def _checked(document: Any) -> list[tuple[str, str]]:
    from serving.server.status import invalid

    labels = document.get("labels") if isinstance(document, dict) else None
    if not isinstance(labels, dict) or not labels:
        raise invalid('The body must be {"labels": {"<request id>-<instance>": <label>, ...}}')
    found = []
    for request_id, label in labels.items():
        plain = _plain(label)
        if plain is None or not 0 < len(request_id) <= MAX_CHARS or not _is_text(request_id):
            raise invalid("Every label must be a text or a number, under the id of a logged request")
        found.append((request_id, plain))
    return found


def _plain(label: Any) -> str | None:
    if isinstance(label, bool) or not isinstance(label, str | int | float):
        return None
    plain = str(label)
    return plain if 0 < len(plain) <= MAX_CHARS and _is_text(plain) else None


def _is_text(value: str) -> bool:
    return value.isprintable()


def _write(folder: Path, labels: list[tuple[str, str]]) -> None:
    name = f"{time.time_ns():020d}-{os.getpid()}-{next(_sequence):06d}.csv"
    with replacing(folder / name) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("request_id", "label"))
        rows.writerows(labels)
