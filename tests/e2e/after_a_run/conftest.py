"""One project that has run, for all tests that look at one; a run takes a minute of CPU time."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Trained:
    """A project that has run, and what was there when it had run once.

    Attributes:
        project: The project; tests may run it again.
        run_id: The first run.
        store: Copy of its MLflow store as the first run left it.
    """

    project: object
    run_id: str
    store: Path


@pytest.fixture(scope="session")
def first_run(make_project, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """What one run of a new project left."""
    project = make_project(tmp_path_factory.mktemp("trained"))
    done = project.estafet("run", "run.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    store = shutil.copy(project.workspace / "mlflow.db", project.folder / "first.db")
    return Trained(project, project.newest_run().name, Path(store))


@pytest.fixture(scope="session")
def trained(first_run):
    """A project that has run."""
    return first_run.project


@pytest.fixture(scope="session")
def second_run(trained) -> tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str], str]:
    """What `explain` says of the same run once more, what came of that run, and its id."""
    foretold = trained.estafet("explain", "run.yaml")
    done = trained.estafet_here("run", "run.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    return foretold, done, trained.newest_run().name
