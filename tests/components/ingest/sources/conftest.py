"""Small tables in files, read through the same door as large ones, in blocks as small as a test wants them."""

from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from components.ingest.batches import TypeChanged
from components.ingest.sources import open_table
from components.ingest.sources import text as text_of_files
from estafet.runfile.steps import IngestSettings


@dataclass
class Read:
    """All that came out of a table."""

    schema: dict
    rows: pa.Table
    numbers: list = field(default_factory=list)
    problems: list = field(default_factory=list)
    lines: list = field(default_factory=list)
    changes: list = field(default_factory=list)
    batches: list = field(default_factory=list)

    @property
    def columns(self):
        """The values by column."""
        return self.rows.to_pydict()


@pytest.fixture
def small_blocks(monkeypatch):
    """Return a function that makes files be read so many bytes at a time."""

    def set_to(num_bytes):
        monkeypatch.setattr(text_of_files, "CHUNK_BYTES", num_bytes)
        monkeypatch.setattr(text_of_files, "PACKED_BYTES", num_bytes)

    return set_to


@pytest.fixture
def open_files():
    """Return a function that opens files as one table."""

    def opened(paths, data_format="csv", task="tabular_regression", **values):
        return open_table(paths, data_format, IngestSettings(task=task, source="-", **values))

    return opened


@pytest.fixture
def open_csv(open_files, tmp_path):
    """Return a function that writes texts as `0.csv`, `1.csv`, … and opens them as one table."""

    def opened(*contents, name="{}.csv", **values):
        paths = [tmp_path / name.format(i) for i in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_files(paths, **values)

    return opened


@pytest.fixture
def read_all():
    """Return a function that reads a table to its end, beginning again where a type changes."""

    def read(table):
        changes = []
        while True:
            try:
                batches = list(table.batches())
                break
            except TypeChanged as changed:
                table = changed.table
                changes.append(changed.message)
        types = {field.name: str(field.type) for field in table.schema}
        result = Read(types, pa.Table.from_batches([batch.columns for batch in batches], table.schema), changes=changes)
        for batch in batches:
            result.numbers += [batch.where(row) for row in range(len(batch))]
            result.lines += batch.lines
            for problem in batch.problems:
                result.problems += [
                    (batch.where(row), problem.column, problem.kind, problem.reason(i))
                    for i, row in enumerate(problem.rows)
                ]
        result.batches = batches
        return result

    return read
