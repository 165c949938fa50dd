"""The MLflow run of a pipeline run: what it keeps, what it keeps to itself, and what it says of killed runs."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from estafet.files import read_json, write_json
from estafet.runfile import load
from pipelines.ledger import Ledger
from pipelines.parent_run import ParentRun
from pipelines.run_state import RunState
from pipelines.workspace import Workspace

SECRETIVE = """\
name: x
task: forecasting
data: {source: a.csv}
notify: {webhook: "https://hooks.example.com/services/T0/SECRET"}
"""


@pytest.fixture
def loaded(tmp_path):
    (tmp_path / "run.yaml").write_text(SECRETIVE)
    return load(tmp_path / "run.yaml", overrides=["notify.webhook=https://hooks.example.com/SECRET", "train.epochs=3"])


def opened(loaded):
    """Open and close the MLflow run of a pipeline run without steps."""
    workspace = Workspace(loaded)
    state = RunState(workspace.new_run(), [], Ledger(workspace.ledger), {})
    parent = ParentRun(loaded, workspace, state, workspace.mlflow_uri)
    parent.begin()
    return parent, state


def test_the_run_file_is_kept_as_it_was_understood_and_without_its_secrets(loaded):
    parent, state = opened(loaded)
    parent.end(None)

    kept = yaml.safe_load((state.folder / "run.yaml").read_text())
    assert kept["train"]["epochs"] == 3
    everything = "".join(path.read_text() for path in state.folder.iterdir() if path.is_file())
    everything += str(parent._tracker.client.get_run(parent._tracker.run_id).data.tags)
    assert "SECRET" not in everything
    assert "train.epochs=3" in everything


def test_a_run_whose_process_is_gone_is_closed_as_killed_by_the_next_one(loaded):
    killed, state = opened(loaded)
    killed._opening.join()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    record = read_json(state.folder / "run.json")
    write_json(state.folder / "run.json", {**record, "pid": gone.pid})

    following, _ = opened(loaded)
    following.end(None)

    assert read_json(state.folder / "run.json")["state"] == "killed"
    assert following._tracker.client.get_run(killed._tracker.run_id).info.status == "KILLED"


def test_a_run_that_is_still_at_work_is_left_alone(loaded):
    """A monitoring run waits for the training run that it started."""
    waiting, state = opened(loaded)

    opened(loaded)[0].end(None)

    assert read_json(state.folder / "run.json")["state"] == "running"
    waiting.end(None)
