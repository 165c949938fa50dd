"""Reads the rows that a model is asked about: CSV, Parquet, JSON, or image files."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estafet.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from serving.server.signature import Signature

IMAGES = (".png", ".jpg", ".jpeg")
FILE_COLUMN = "file"
STDIN = "-"


def read_rows(paths: Sequence[str], signature: Signature, *, delimiter: str = ",", decimal: str = ".") -> pd.DataFrame:
    """Read one table, or image files as one row each.

    Columns that the model takes as words are read as they stand: `007` stays `007`, an empty field is the empty text.

    Args:
        paths: A `.csv`, `.parquet` or `.json` file, `-` for CSV or JSON from the standard input, or images.
        signature: What the model takes.
        delimiter: What is between the fields of CSV.
        decimal: What is before the decimals in CSV.

    Raises:
        DataError: A file is missing, or cannot be understood, or holds no row.
    """
    if all(Path(path).suffix.lower() in IMAGES for path in paths):
        return _images(paths, signature)
    if len(paths) != 1:
        raise DataError(f"{len(paths)} files are given: {', '.join(paths)}.", hint="give one table, or images alone.")
    try:
        rows = _table(paths[0], signature, delimiter, decimal)
    except (OSError, ValueError) as error:  # pandas' and Arrow's own errors are ValueErrors
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(
            f"'{paths[0]}' cannot be read: {said.splitlines()[0].rstrip('.')}.",
            hint="give a .csv file with a header, a .parquet file, or a .json file with a list of rows.",
        ) from error
    if not len(rows):
        raise DataError(f"'{paths[0]}' holds no rows.", hint="check what wrote it.")
    return _with_lists(rows, signature)


def _table(path: str, signature: Signature, delimiter: str, decimal: str) -> pd.DataFrame:
    import pandas as pd

    suffix = Path(path).suffix.lower()
    if suffix == ".parquet":
        return pd.read_parquet(path)
    content = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    if suffix in (".json", ".jsonl") or (path == STDIN and content.lstrip()[:1] in (b"[", b"{")):
        return pd.DataFrame(_instances(content.decode("utf-8-sig"), signature))
    as_they_stand = {name: str for name, spec in signature.inputs.items() if spec.dtype == "string"}
    text = io.StringIO(content.decode("utf-8-sig"))
    return pd.read_csv(text, sep=delimiter, decimal=decimal, converters=as_they_stand, skipinitialspace=False)


def _instances(text: str, signature: Signature) -> list[dict[str, Any]]:
    try:
        given = json.loads(text)
    except ValueError:
        given = [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(given, dict):
        given = given.get("instances", [given])
    if not isinstance(given, list):
        raise ValueError("it holds no list of rows")
    if all(isinstance(row, dict) and list(row) != ["b64"] for row in given):
        return given
    if len(signature.inputs) != 1:
        raise ValueError("its rows are no objects, and the model has several inputs")
    return [{next(iter(signature.inputs)): row} for row in given]


def _images(paths: Sequence[str], signature: Signature) -> pd.DataFrame:
    import pandas as pd

    names = list(signature.inputs)
    if len(names) != 1 or signature.inputs[names[0]].dtype != "string":
        raise DataError(f"the model takes {', '.join(names)}, and no images.", hint="give a table of these columns.")
    try:
        return pd.DataFrame({FILE_COLUMN: list(paths), names[0]: [Path(path).read_bytes() for path in paths]})
    except OSError as error:
        raise DataError(f"'{error.filename}' cannot be read: {error.strerror}.", hint="check the path.") from error


def _with_lists(rows: pd.DataFrame, signature: Signature) -> pd.DataFrame:
    """Read lists out of the texts that CSV has for inputs of several numbers, such as the past of a series."""
    for name, spec in signature.inputs.items():
        if spec.shape is None or len(spec.shape) < 2 or name not in rows or not isinstance(rows[name].iloc[0], str):
            continue
        try:
            rows[name] = [json.loads(text) for text in rows[name]]
        except ValueError as error:
            raise DataError(
                f"'{name}' takes lists of numbers: {error}.", hint='write them as "[1.5, 2, 3]".'
            ) from error
    return rows
