"""Opens files of any format as one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from components.ingest.batches import Table
from estafet.errors import DataError
from estafet.runfile.steps import IngestSettings


def open_table(files: Sequence[Path], data_format: str, settings: IngestSettings) -> Table:
    """Open files of one format as one table; no more than their beginnings is read.

    Args:
        files: What `find` found.
        data_format: `csv`, `parquet` or `npz`.
        settings: How the files are written, and what is to be learnt from them.

    Raises:
        ConfigError: The encoding is unknown, or the delimiter or quote no ASCII character.
        DataError: A file is empty or cannot be read, or the files' columns differ.
    """
    from components.ingest.sources.csv import open_csv
    from components.ingest.sources.npz import open_npz
    from components.ingest.sources.parquet import open_parquet

    for path in files:
        if path.stat().st_size == 0:
            raise DataError(f"'{path}' is empty (0 bytes).", hint="write it again, or correct data.source.")
    opens = {"csv": open_csv, "parquet": open_parquet, "npz": open_npz}
    return opens[data_format](files, settings)
