"""Whole commands as a user types them: real processes, real data, a workspace of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL_RUN = """\
name: cancer
task: tabular_classification
data: {source: data.csv, label: diagnosis, split: {train: 0.6, validation: 0.2, test: 0.2}}
tune: {trials: 2, epochs: 1, subsample: 0.3}
train: {epochs: 4, batch: {start: 32, limit: 64, every_epochs: 2}}
evaluate: {gates: {accuracy: {min: 0.5}}, max_regression: 0.5}
monitor: {min_rows: 100, retrain: {min_labels: 50}}
"""


@dataclass(frozen=True)
class Project:
    """A folder with data and a run file.

    Attributes:
        folder: The folder.
        estafet: Runs an `estafet` command in it and returns what became of it.
    """

    folder: Path
    estafet: Callable[..., subprocess.CompletedProcess[str]]

    @property
    def workspace(self) -> Path:
        return self.folder / ".estafet"

    @property
    def run_file(self) -> Path:
        return self.folder / "run.yaml"

    def edit(self, old: str, new: str) -> None:
        """Change the run file as an editor would."""
        text = self.run_file.read_text()
        assert old in text
        self.run_file.write_text(text.replace(old, new))

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start an `estafet` command in a session of its own, to be killed."""
        return subprocess.Popen(
            [sys.executable, "-m", "cli.main", *map(str, arguments)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def newest_run(self) -> Path:
        return sorted((self.workspace / "runs").iterdir())[-1]


def make_project(folder: Path, run_file: str = SMALL_RUN) -> Project:
    """Make a project on the breast-cancer table."""
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer(as_frame=True)
    frame = table.data.assign(diagnosis=table.target.map({0: "malignant", 1: "benign"}))
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "data.csv", index=False)
    (folder / "run.yaml").write_text(run_file)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ESTAFET_", "MLFLOW_"))}

    def estafet(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *map(str, arguments)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env={**environment, **{key: str(value) for key, value in more.items()}},
        )

    return Project(folder, estafet)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that has never run."""
    return make_project(tmp_path / "project")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that has run once."""
    project = make_project(tmp_path_factory.mktemp("trained"))
    done = project.estafet("run", "run.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    return project
