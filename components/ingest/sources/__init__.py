"""Where raw tables come from: CSV, Parquet and `.npz` files, read as streams of record batches."""

from components.ingest.sources.opening import open_table

__all__ = ["open_table"]
