"""The workspace: one run at a time, and whose folder an artifact lies in."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from estafet.errors import ConfigError, ServiceUnavailable
from estafet.runfile import load
from pipelines.workspace import Workspace, run_that_made


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "run.yaml").write_text("name: x\ntask: forecasting\ndata: {source: a.csv}\n")
    return Workspace(load(tmp_path / "run.yaml"))


def test_a_second_run_is_refused_with_the_process_that_has_the_workspace(workspace):
    with workspace.locked("run"), pytest.raises(ServiceUnavailable, match=f"process {os.getpid()}"):
        with workspace.locked("run"):
            raise AssertionError("both have it")


def test_the_lock_is_free_again_after_an_error(workspace):
    with pytest.raises(ZeroDivisionError), workspace.locked("run"):
        raise ZeroDivisionError

    with workspace.locked("run"):
        pass


def test_a_monitoring_run_does_not_keep_its_own_retraining_out(workspace):
    with workspace.locked("monitor"), workspace.locked("run"):
        pass


def test_runs_are_named_in_the_order_of_time(workspace):
    names = [workspace.new_run().name for _ in range(3)]

    assert len(set(names)) == 3
    assert sorted(names, key=lambda name: name.rpartition("-")[0]) == names


def test_a_workspace_that_cannot_be_made_is_a_configuration_error(workspace):
    workspace.root.write_text("a file")

    with pytest.raises(ConfigError, match="cannot be written"):
        workspace.new_run()


def test_the_run_that_made_an_artifact_is_the_one_whose_folder_it_lies_in():
    artifact = SimpleNamespace(uri="/runs/w/.estafet/runs/20260101-000000-ab/artifacts/p/train/model")

    assert run_that_made({"Output": "x", "model": artifact}) == "20260101-000000-ab"
    assert run_that_made({"Output": "x"}) == ""


def test_the_mlflow_store_is_in_the_workspace_whatever_signs_its_path_has(tmp_path):
    """A URI has its own meaning for some of them."""
    from sqlalchemy.engine import make_url

    folder = tmp_path / "C# 50%20? ü"
    folder.mkdir()
    (folder / "run.yaml").write_text("name: x\ntask: forecasting\ndata: {source: a.csv}\n")

    uri = Workspace(load(folder / "run.yaml")).mlflow_uri

    assert make_url(uri).database == str(folder / ".estafet" / "mlflow.db")


def test_a_relative_sqlite_store_lies_beside_the_run_file_and_not_where_the_command_is_typed(tmp_path, monkeypatch):
    (tmp_path / "run.yaml").write_text(
        "name: x\ntask: forecasting\ndata: {source: a.csv}\ntracking: {uri: 'sqlite:///mlflow.db'}\n"
    )
    monkeypatch.chdir("/")
    loaded = load(tmp_path / "run.yaml")

    assert Workspace(loaded).tracking_uri(loaded) == f"sqlite:///{tmp_path}/mlflow.db"
