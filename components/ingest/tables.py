"""Reading CSV, Parquet and two-dimensional `.npz` files as one table."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.sources import closest
from estafet.errors import ConfigError, DataError
from estafet.runfile.data import Data

DELIMITERS = {";": '";"', "\t": '"\\t"', "|": '"|"', ",": '","'}


@dataclass(frozen=True)
class Table:
    """Rows from one or several files.

    Attributes:
        columns: The table.
        files: The files in order, each with its number of rows.
    """

    columns: pa.Table
    files: tuple[tuple[Path, int], ...]

    def where(self, row: int) -> str:
        """Say in which file a row is, and where in it (from 1, header not counted)."""
        for path, num_rows in self.files:
            if row < num_rows:
                return f"{path.name} row {row + 1}"
            row -= num_rows
        raise IndexError(row)


def read(files: list[Path], data_format: str, settings: Data) -> Table:
    """Read files of one format as one table.

    Raises:
        DataError: A file is empty or cannot be read, or the files' columns differ.
    """
    parts = []
    for path in files:
        if path.stat().st_size == 0:
            raise DataError(f"'{path}' is empty (0 bytes).", hint="write it again, or correct data.source.")
        part = _read_one(path, data_format, settings)
        if parts:
            _check_same_columns(files[0], parts[0].column_names, path, part.column_names)
            part = part.select(parts[0].column_names)
        parts.append(part)
    lengths = tuple((path, len(part)) for path, part in zip(files, parts, strict=True))
    return Table(_concatenate(files, parts), lengths)


def check_column(columns: list[str], name: str, key: str) -> None:
    """Refuse a column that is named in the run file and is not in the data.

    Raises:
        ConfigError: It is not there; the hint names the closest one.
    """
    if name not in columns:
        raise ConfigError(
            f"the data have no column '{name}', which {key} names; they have {len(columns)} columns.",
            hint=f"{closest(name, columns)} Correct {key}.",
        )


def as_numpy(column: pa.ChunkedArray | pa.Array, missing: float = 0) -> np.ndarray:
    """Return a column of int64 or float64 as an array (N,); Arrow's own `to_numpy` would import pandas first.

    Args:
        column: The numbers.
        missing: What stands for a missing one.
    """
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    if not column.null_count:
        return np.from_dlpack(column)
    is_known_N = np.from_dlpack(pc.cast(column.is_valid(), pa.uint8())).astype(bool)
    values_N = np.frombuffer(column.buffers()[1], str(column.type))[column.offset :][: len(column)]
    return np.where(is_known_N, values_N, np.array(missing, values_N.dtype))


def _read_one(path: Path, data_format: str, settings: Data) -> pa.Table:
    read_format = {"csv": _read_csv, "parquet": _read_parquet, "npz": _read_npz}[data_format]
    try:
        table = read_format(path, settings)
    except (pa.ArrowInvalid, ValueError, KeyError, EOFError) as error:
        raise _unreadable(path, data_format, error) from error
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise DataError(f"'{path}' has several columns named {', '.join(map(repr, twice))}.", hint="rename them.")
    if len(table) == 0:
        raise DataError(
            f"'{path}' holds a header and no rows: {', '.join(table.column_names[:10])}.",
            hint="check what wrote it, or correct data.source.",
        )
    return table


def _read_csv(path: Path, settings: Data) -> pa.Table:
    from pyarrow import csv

    _check_delimiter(path, settings.delimiter)
    table = csv.read_csv(
        path,
        parse_options=csv.ParseOptions(delimiter=settings.delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(strings_can_be_null=True, decimal_point=settings.decimal),
    )
    if settings.decimal == ".":
        _refuse_decimal_commas(path, table)
    for name in table.column_names:
        if pa.types.is_binary(table.schema.field(name).type):  # what Arrow makes of text that is no UTF-8
            raise ValueError(f"column '{name}' is not UTF-8")
    return table.rename_columns([name.strip() for name in table.column_names])


def number_with_comma(values: pa.ChunkedArray) -> str | None:
    """Return the first number with a decimal comma of a column of text, if numbers are all that it holds."""
    if not pa.types.is_string(values.type):
        return None
    known = values.drop_null()
    if not pc.all(pc.match_substring_regex(known, r"^\s*[-+]?\d+(,\d+)?\s*$")).as_py():
        return None
    return next(iter(known.filter(pc.match_substring(known, ",")).slice(0, 1).to_pylist()), None)


def _refuse_decimal_commas(path: Path, table: pa.Table) -> None:
    """Refuse to learn numbers as if they were words."""
    found = {name: number_with_comma(table.column(name)) for name in table.column_names}
    found = {name: number for name, number in found.items() if number}
    if found:
        name, number = next(iter(found.items()))
        raise DataError(
            f"{len(found)} column(s) of '{path}' hold numbers with a decimal comma, such as {number!r} in '{name}'.",
            hint='set data.decimal: ","',
        )


def _check_delimiter(path: Path, delimiter: str) -> None:
    open_text = gzip.open if path.suffix == ".gz" else open
    with open_text(path, "rt", encoding="utf-8", errors="replace") as file:
        header = file.readline().strip()
    for other, typed in DELIMITERS.items():
        if delimiter not in header and other in header:
            shown = header if len(header) <= 60 else header[:60] + "…"
            raise DataError(
                f"'{path}' has one column, {shown!r}, when split at {DELIMITERS.get(delimiter, delimiter)}.",
                hint=f"set data.delimiter: {typed}",
            )


def _read_parquet(path: Path, settings: Data) -> pa.Table:
    from pyarrow import parquet

    return parquet.ParquetFile(path).read()


def _read_npz(path: Path, settings: Data) -> pa.Table:
    x, y = read_arrays(path)
    if x.ndim != 2:
        raise DataError(
            f"'{path}' holds x of shape {x.shape}, and a table has two axes: rows and features.",
            hint="set task: image_classification for arrays of images.",
        )
    columns = {f"f{i}": x[:, i] for i in range(x.shape[1])}
    return pa.table({**columns, settings.label or "label": y})


def read_arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read features and labels from an `.npz` file: `x` and `y`, or `x_train`, `y_train` and, after them, the test set.

    Raises:
        DataError: The arrays are not there or do not fit each other.
    """
    with np.load(path, allow_pickle=False) as arrays:
        pairs = [(f"x{end}", f"y{end}") for end in ("", "_train", "_test")]
        pairs = [(x, y) for x, y in pairs if x in arrays and y in arrays]
        if not pairs:
            raise DataError(
                f"'{path}' holds the arrays {', '.join(arrays.files) or 'none'}.",
                hint="name them x and y, or x_train, y_train, x_test and y_test.",
            )
        x = np.concatenate([arrays[name] for name, _ in pairs])
        y = np.concatenate([arrays[name] for _, name in pairs])
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or len(x) != len(y):
        raise DataError(
            f"'{path}' holds x of shape {x.shape} and y of shape {y.shape}.", hint="give one label for each example."
        )
    return x, y


def _unreadable(path: Path, data_format: str, error: Exception) -> DataError:
    message = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    hint = f"is it a {data_format} file? Set data.format, or mend the file."
    if "UTF8" in message or "UTF-8" in message:
        hint = f"convert it: iconv -f latin1 -t utf-8 '{path.name}' > utf8-{path.name}"
    elif data_format == "csv":
        hint = "mend the line, or set data.delimiter to the character between its fields."
    return DataError(f"'{path}' cannot be read: {message}.", hint=hint)


def _check_same_columns(first: Path, wanted: list[str], path: Path, found: list[str]) -> None:
    missing, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing or extra:
        parts = [f"lacks {', '.join(missing)}"] if missing else []
        parts += [f"adds {', '.join(extra)}"] if extra else []
        raise DataError(
            f"'{path.name}' {' and '.join(parts)}, compared with '{first.name}'.",
            hint="sources that are read as one data set need the same columns; put the odd ones elsewhere.",
        )


def _concatenate(files: list[Path], parts: list[pa.Table]) -> pa.Table:
    try:
        return pa.concat_tables(parts, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        for path, part in zip(files, parts, strict=True):
            for name in part.column_names:
                first, other = parts[0].schema.field(name).type, part.schema.field(name).type
                if pa.types.is_string(first) != pa.types.is_string(other):
                    raise DataError(
                        f"column '{name}' is {first} in '{files[0].name}' and {other} in '{path.name}'.",
                        hint="write it the same way in all sources.",
                    ) from error
        raise DataError(f"the sources' columns differ in type: {error}.", hint="write them the same way.") from error
