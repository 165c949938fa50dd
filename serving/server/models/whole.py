"""Whether a version's folder has arrived whole: half a copy must not be loaded.

TensorFlow Serving loads a folder as soon as it appears, and a graph whose variables have not arrived may load
"successfully" without values. Here a folder is loaded when two looks at it see the same files and nothing is missing
that the files themselves speak of.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

from serving.server.models.bundle import bytes_of_shards
from serving.server.status import Code, StatusError

GRAPHS = ("saved_model.pb", "saved_model.pbtxt")
OLD_GRAPH = "export.meta"
INDEX = "variables/variables.index"
VARIABLE_OPS = (b"VarHandleOp", b"VariableV2")

Snapshot = tuple[tuple[str, int, int], ...]


def snapshot(folder: Path) -> Snapshot:
    """Return what is seen of a folder: each file's path in it, its size, and when it was written."""
    if not folder.is_dir():
        about = folder.stat()
        return ((folder.name, about.st_size, about.st_mtime_ns),)
    seen = []
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            try:
                about = os.stat(path)
            except FileNotFoundError:
                continue  # gone between the two calls: the next look sees another folder
            seen.append((os.path.relpath(path, folder), about.st_size, about.st_mtime_ns))
    return tuple(sorted(seen))


def no_model(folder: Path | str) -> StatusError:
    """Return the error for a folder without a graph, in TensorFlow Serving's words."""
    return StatusError(
        Code.NOT_FOUND,
        "Specified file path does not appear to contain a SavedModel bundle (should have a file called "
        f"`saved_model.pb`)\nSpecified file path: {folder}",
    )


def what_is_missing(folder: Path) -> StatusError | None:
    """Return why a folder cannot be a whole SavedModel, or None where nothing speaks against it."""
    if (folder / OLD_GRAPH).exists():
        return None  # refused by whoever loads it
    graph = next((folder / name for name in GRAPHS if (folder / name).is_file()), None)
    if graph is None:
        return no_model(folder)
    index = folder / INDEX
    if not index.exists():
        return _lacking(INDEX, "is not there") if _has_variables(graph) else None
    try:
        expected = bytes_of_shards(index.read_bytes())
    except ValueError as error:
        return _lacking(INDEX, f"is cut off or damaged ({error})")
    for number, num_bytes in enumerate(expected):
        name = f"variables/variables.data-{number:05d}-of-{len(expected):05d}"
        there = (folder / name).stat().st_size if (folder / name).exists() else 0
        if there < num_bytes or not (folder / name).exists():
            return _lacking(name, f"has {there} of {num_bytes} bytes")
    return None


def _lacking(name: str, what: str) -> StatusError:
    return StatusError(Code.DATA_LOSS, f"The version is not complete: {name} {what}.")


def _has_variables(graph: Path) -> bool:
    if not graph.stat().st_size:
        return False
    with graph.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(op) >= 0 for op in VARIABLE_OPS)
