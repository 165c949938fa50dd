"""What a person reads of the pace of ingest."""

from __future__ import annotations

import pytest

from components.ingest.pace import Pace


@pytest.mark.parametrize(
    ("num_rows", "num_bytes", "total_bytes", "text"),
    [
        (424_000, 52_300_000, 214_000_000, "reading 212k rows/s · 52 of 214 MB"),
        (2_468_000, 1_230_000_000, 4_000_000_000, "reading 1.2M rows/s · 1.2 of 4.0 GB"),
        (19_950, 1_500, 2_000, "reading 10k rows/s · 1.5 of 2.0 kB"),
        (100, 12, 999, "reading 50 rows/s · 12 of 999 B"),
    ],
)
def test_rows_a_second_come_first_and_then_the_bytes(monkeypatch, num_rows, num_bytes, total_bytes, text):
    """Two seconds have passed; what comes first is what a terminal of 80 columns has room for."""
    now = iter([100.0, 102.0])
    monkeypatch.setattr("components.ingest.pace.time.monotonic", lambda: next(now))

    assert Pace("rows", total_bytes).said(num_rows, num_bytes) == text
