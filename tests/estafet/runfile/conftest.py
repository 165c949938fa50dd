"""A small, valid run file to spoil."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SMALL = """\
name: small
task: tabular_regression
data:
  source: rows.csv
  label: price
train:
  epochs: 7
  batch: {start: 16, limit: 64}
profiles:
  quick:
    train: {epochs: 2, batch: {limit: 32}}
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a run file: the small one, with one piece of text replaced by another, or a text of its own."""

    def write_file(old: str = "", new: str = "", *, text: str = SMALL) -> Path:
        assert old in text
        path = tmp_path / "run.yaml"
        path.write_text(text.replace(old, new) if old else text, encoding="utf-8")
        return path

    return write_file
