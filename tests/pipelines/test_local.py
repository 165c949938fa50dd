"""The runner on this machine, apart from any step: what it tells steps, and how it ends when it fails itself."""

from __future__ import annotations

import contextlib
import errno
import subprocess
import sys

import pytest
from kfp.local import SubprocessRunner
from kfp.local.status import Status
from kfp.local.subprocess_task_handler import SubprocessTaskHandler

from estafet.runfile import load
from pipelines import local
from pipelines.ledger import Ledger
from pipelines.run_state import RunState
from pipelines.workspace import Workspace


@pytest.fixture
def loaded(tmp_path):
    (tmp_path / "run.yaml").write_text("name: x\ntask: forecasting\ndata: {source: a.csv}\n")
    return load(tmp_path / "run.yaml")


@pytest.fixture
def state(loaded):
    workspace = Workspace(loaded)
    return RunState(workspace.new_run(), ["ingest"], Ledger(workspace.ledger), {})


class Parent:
    """Stands in for the run in MLflow."""

    def __init__(self, loaded, workspace, state, uri):
        self.folder = state.folder

    def begin(self):
        return self.folder / "id"

    def end(self, error):
        (self.folder / "ended").write_text(str(error))
        return 1.0, error


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/w/ledger/train.json"), "the disk is full while writing /w"),
        (ValueError("not UTF-8"), "ValueError: not UTF-8"),
        (KeyboardInterrupt(), "the run was interrupted"),
        (RuntimeError("Pipeline finished with status FAILURE."), "Pipeline finished with status FAILURE."),
    ],
)
def test_a_run_whose_runner_fails_is_closed_and_says_why(loaded, state, monkeypatch, failure, said):
    """Or MLflow would show it as running for ever."""

    def pipeline(**arguments):
        raise failure

    monkeypatch.setattr(local, "ParentRun", Parent)

    result = local._run(loaded, Workspace(loaded), state, pipeline, {}, lambda state: contextlib.nullcontext())

    assert result.error.message.startswith(said)
    assert (state.folder / "ended").read_text() == str(result.error)
    assert result.error.hint


def test_a_folder_where_the_command_is_typed_does_not_pass_for_one_of_our_packages(loaded, state, tmp_path):
    (tmp_path / "serving").mkdir()
    (tmp_path / "serving" / "__init__.py").write_text("raise SystemExit(7)\n")

    with local._environment(loaded, Workspace(loaded), state, "sqlite://", tmp_path / "id"):
        ended = subprocess.run([sys.executable, "-m", "serving.client.client"], cwd=tmp_path)

    assert ended.returncode == 0


def test_a_step_starts_where_python_lies_in_a_folder_with_a_space_and_data_in_one_called_python3(
    tmp_path, monkeypatch, capfd
):
    """The last argument stands for a path in the step's arguments."""
    python = tmp_path / "my projects" / "python3"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(python))
    command = ["sh", "-ec", 'python3 -m this && printf %s "$0" # kfp.dsl.executor_main', "/data/python3/a.csv"]
    task = SubprocessTaskHandler("python", command, str(tmp_path), SubprocessRunner(use_venv=False))

    with local._python_in_quotes():
        assert task.run() == Status.SUCCESS
    assert "/data/python3/a.csv" in capfd.readouterr().out


def test_a_step_that_an_older_version_recorded_otherwise_is_reused_all_the_same(state):
    older = state.folder.parent / "older" / "steps"
    older.mkdir(parents=True)
    (older / "ingest.json").write_text('{"step": "ingest", "gone": 1}')

    class Artifact:
        uri = str(older.parent / "artifacts" / "dataset")

    state.looked_up("ingest", {}, {"dataset": Artifact})

    assert (state.steps["ingest"].state, state.steps["ingest"].made_by) == ("reused", "older")
