"""How a text file is written: its encoding, and what divides its fields."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

DELIMITERS = ",;\t|"
NUM_CHARS = 65_536


def sniff(path: Path) -> tuple[str, str]:
    """Return the encoding of a file by its byte-order mark, and the delimiter by its first lines."""
    from components.ingest.sources.text import encoding_of

    open_file = gzip.open if path.suffix == ".gz" else open
    with open_file(path, "rb") as file:
        encoding = encoding_of(file.read(4))
    with open_file(path, "rt", encoding=encoding) as file:
        return encoding, delimiter_of(file.read(NUM_CHARS))


def delimiter_of(text: str) -> str:
    """Return the character that divides the first lines into the most fields, the same number in each."""
    lines = text.splitlines()[:50]
    num_fields = {}
    for delimiter in DELIMITERS:
        counts = [len(fields) for fields in csv.reader(lines[:-1] or lines, delimiter=delimiter) if fields]
        num_fields[delimiter] = min(counts) if counts and counts.count(counts[0]) > 0.9 * len(counts) else 1
    return max(DELIMITERS, key=lambda delimiter: num_fields[delimiter])
