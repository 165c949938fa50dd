"""Arrays in `.npz` files: the layout of MNIST, or `x` and `y`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.ingest.batches import ROWS_AT_ONCE, Batch
from components.ingest.sources.failures import naming
from components.ingest.sources.folders import shown_names
from components.ingest.sources.types import same_columns, same_type
from estafet.errors import DataError
from estafet.runfile.steps import IngestSettings


@dataclass(frozen=True)
class NpzTable:
    """Files of arrays with two axes, each feature a column, and the label behind them.

    Attributes:
        files: The files, in order.
        schema: The columns: `f0`, `f1`, … and the label.
        num_rows: Number of rows of all files.
    """

    files: tuple[Path, ...]
    schema: pa.Schema
    num_rows: int

    @property
    def num_bytes(self) -> int:
        """Size of the files."""
        return sum(path.stat().st_size for path in self.files)

    def batches(self) -> Iterator[Batch]:
        """Read all rows in order; a file is in memory as a whole, as its arrays are packed as a whole."""
        bytes_before, shown = 0, shown_names(self.files)
        for path in self.files:
            num_bytes, (x, y) = path.stat().st_size, read_arrays(path)
            for start in range(0, len(x), ROWS_AT_ONCE):
                part = slice(start, start + ROWS_AT_ONCE)
                arrays = [pa.array(column) for column in (*x[part].T, y[part])]
                arrays = [array.cast(kind) for array, kind in zip(arrays, self.schema.types, strict=True)]
                done = bytes_before + num_bytes * min(start + ROWS_AT_ONCE, len(x)) // len(x)
                yield Batch(pa.record_batch(arrays, schema=self.schema), shown[path], start + 1, num_bytes_read=done)
            bytes_before += num_bytes


def open_npz(files: Sequence[Path], settings: IngestSettings) -> NpzTable:
    """Open `.npz` files as one table.

    Raises:
        DataError: A file cannot be read, its arrays have another name or shape, or the files' columns differ.
    """
    names, types, num_rows = [], [], 0
    for path in files:
        x, y = read_arrays(path)
        if x.ndim != 2:
            raise DataError(
                f"'{path}' holds x of shape {x.shape}, and a table has two axes: rows and features.",
                hint="set task: image_classification for arrays of images.",
            )
        names.append([*(f"f{i}" for i in range(x.shape[1])), settings.label or "label"])
        with naming(path, "npz"):
            types.append(dict(zip(names[-1], [_type(x)] * x.shape[1] + [_type(y)], strict=True)))
        num_rows += len(x)
    columns = same_columns(files, names)
    if num_rows == 0:
        raise DataError(f"'{files[0]}' holds no rows.", hint="check what wrote it, or correct data.source.")
    fields = [(name, same_type(name, files, [of_file[name] for of_file in types])) for name in columns]
    return NpzTable(tuple(files), pa.schema(fields), num_rows)


def read_arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read features and labels from an `.npz` file: `x` and `y`, or `x_train`, `y_train` and, after them, the test set.

    Raises:
        DataError: The file cannot be read, or the arrays are not there or do not fit each other.
    """
    with naming(path, "npz"), _opened(path) as arrays:
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
    if y.ndim != 1 or x.ndim == 0 or len(x) != len(y):
        raise DataError(
            f"'{path}' holds x of shape {x.shape} and y of shape {y.shape}.", hint="give one label for each example."
        )
    return x, y


def _opened(path: Path) -> np.lib.npyio.NpzFile:
    found = np.load(path, allow_pickle=False)
    if isinstance(found, np.ndarray):
        raise ValueError("it is one array, as np.save writes it, and np.savez writes several with their names")
    return found


def _type(values: np.ndarray) -> pa.DataType:
    kind = pa.array(values.reshape(-1)[:1]).type
    return pa.float32() if pa.types.is_float16(kind) else kind
