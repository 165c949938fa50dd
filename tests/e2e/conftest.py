"""Whole commands as a user types them: real processes, real data, a workspace of their own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from cli.main import main

ROOT = Path(__file__).parents[2]
SMALL_RUN = """\
name: cancer
task: tabular_classification
data: {source: data.csv, label: diagnosis, split: {train: 0.6, validation: 0.2, test: 0.2}}
tune: {trials: 2, epochs: 1, subsample: 0.3}
train: {epochs: 4, batch: {start: 32, limit: 64, every_epochs: 2}}
evaluate: {gates: {accuracy: {min: 0.5}}, max_regression: 0.5}
monitor: {window: {min_rows: 100}, policy: {min_labels: 50}}
"""


@dataclass(frozen=True)
class Project:
    """A folder with data and a run file.

    Attributes:
        folder: The folder.
        text: What its run file says at first.
    """

    folder: Path
    text: str

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

    def estafet(self, *arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
        """Run an `estafet` command, with more variables in its environment, and return what became of it."""
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *map(str, arguments)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env=_environment(more),
        )

    def estafet_here(self, *arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
        """Run an `estafet` command as `estafet` does, but in this process; a run's steps have processes all the same.

        It saves the seconds in which a command imports Kubeflow and MLflow, which are here already.
        """
        said, complained, status = io.StringIO(), io.StringIO(), 0
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(complained),
            mock.patch.dict(os.environ, _environment(more), clear=True),
            mock.patch.object(sys, "argv", ["estafet", *map(str, arguments)]),
        ):
            try:
                main()
            except SystemExit as ended:
                status = ended.code or 0
        return subprocess.CompletedProcess(arguments, status, said.getvalue(), complained.getvalue())

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


def _environment(more: dict[str, object]) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith(("ESTAFET_", "MLFLOW_"))}
    return {**own, **{key: str(value) for key, value in more.items()}}


@pytest.fixture(scope="session")
def make_project():
    """Make a project on the breast-cancer table in a folder."""

    def make(folder: Path, run_file: str = SMALL_RUN) -> Project:
        from sklearn.datasets import load_breast_cancer

        table = load_breast_cancer(as_frame=True)
        frame = table.data.assign(diagnosis=table.target.map({0: "malignant", 1: "benign"}))
        folder.mkdir(parents=True, exist_ok=True)
        frame.to_csv(folder / "data.csv", index=False)
        (folder / "run.yaml").write_text(run_file)
        return Project(folder, run_file)

    return make


@pytest.fixture
def empty_project(tmp_path: Path) -> Project:
    """A folder in which commands are typed about files elsewhere."""
    return Project(tmp_path, "")


@pytest.fixture
def project(make_project, tmp_path: Path) -> Project:
    """A project that has never run."""
    return make_project(tmp_path / "project")


@pytest.fixture(scope="module")
def used(make_project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose workspace the tests of a module share: what one run has made, the next one need not."""
    return make_project(tmp_path_factory.mktemp("used"))
