"""Cheap searches in a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.tune.running import testing
from components.tune.running.job import Job
from components.tune.running.search import Search


class Cheap:
    """A cheap search, and what it left.

    Attributes:
        folder: Where its journal and diary are.
        job: How processes come to it.
    """

    def __init__(self, folder: Path, **about: object):
        self.folder, self.job = folder, testing.job(folder, **about)

    def search(self, **about: object) -> Search:
        """Return the search as a process would make it now."""
        return Job(self.job.maker, {**self.job.about, **about}).search()

    def diary(self) -> list[tuple[int, float]]:
        """Return process and x of each training that began."""
        path = self.folder / "diary"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [(int(line.split()[0]), float(line.split()[1])) for line in lines]


@pytest.fixture
def cheap(tmp_path):
    """Return a function that makes a cheap search of what it is told."""
    return lambda **about: Cheap(tmp_path, **about)
