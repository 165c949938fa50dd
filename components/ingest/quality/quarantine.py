"""What is left out of a data set, kept beside it with the reason: rows, lines, images, and the names of the rest.

The folder has only those files that something was written to:

- `rows.parquet`: rows with their original columns, `_where` and `_reason`;
- `lines.csv`: lines of a text file that could not become rows;
- `images/`: images as they came;
- `examples.csv`: for each image, and each other example, where it was, what is wrong, and its file in `images/`.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from components.ingest.batches import BadLine
from estafet.records.manifest import AnomalyKind

QUARANTINE_FOLDER = "quarantine"
ROWS_AT_ONCE = 10_000
WHERE, REASON = "_where", "_reason"


class Quarantine:
    """Writes as it is told to, and makes nothing before; a context manager."""

    def __init__(self, folder: Path):
        """Prepare to write.

        Args:
            folder: The data set's folder.
        """
        self.folder = Path(folder) / QUARANTINE_FOLDER
        self._open = ExitStack()
        self._sheets: dict[str, Any] = {}
        self._rows: parquet.ParquetWriter | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._num_images = 0

    def __enter__(self) -> Quarantine:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._close()

    def clear(self) -> None:
        """Remove what was written."""
        self._waiting = []
        self._close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def rows(self, rows: pa.RecordBatch, where: Sequence[str], reasons: Sequence[str]) -> None:
        """Keep some rows of a table; each call has the same columns."""
        names = [f"{name}_" if name in (WHERE, REASON) else name for name in rows.schema.names]
        arrays = [*rows.columns, pa.array(where, pa.string()), pa.array(reasons, pa.string())]
        self._waiting.append(pa.RecordBatch.from_arrays(arrays, [*names, WHERE, REASON]))
        if sum(map(len, self._waiting)) >= ROWS_AT_ONCE:
            self._flush()

    def line(self, line: BadLine) -> None:
        """Keep a line that could not become a row."""
        self._write("lines.csv", (WHERE, REASON, "line"), (line.where, line.reason, line.text))

    def example(self, where: str, kind: AnomalyKind, reason: str, content: bytes | None, file_name: str) -> None:
        """Keep an image, or the name of an example that has no content of its own."""
        kept = ""
        if content is not None:
            self._num_images += 1
            kept = f"images/{self._num_images:06d}-{_safe(file_name or where)}"
            (self.folder / "images").mkdir(parents=True, exist_ok=True)
            (self.folder / kept).write_bytes(content)
        self._write("examples.csv", (WHERE, "_kind", REASON, "file"), (where, kind, reason, kept))

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = pa.Table.from_batches(self._waiting)
        self._waiting = []
        if self._rows is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._rows = self._open.enter_context(parquet.ParquetWriter(self.folder / "rows.parquet", table.schema))
        self._rows.write_table(table)

    def _write(self, name: str, header: Sequence[str], row: Sequence[str]) -> None:
        if name not in self._sheets:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = self._open.enter_context((self.folder / name).open("w", newline="", encoding="utf-8"))
            self._sheets[name] = csv.writer(file)
            self._sheets[name].writerow(header)
        self._sheets[name].writerow(row)

    def _close(self) -> None:
        self._open.close()
        self._sheets, self._rows = {}, None


def _safe(name: str) -> str:
    """Return a file name that stays in its folder, and is not too long for a file system."""
    return re.sub(r"[^\w.\-]+", "_", name)[-100:]
