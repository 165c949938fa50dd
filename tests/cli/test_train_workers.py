"""`estafet train-workers`: as a user types it, and as one worker of a cluster."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import estafet
from estafet.training.trained import TRAINED_FILE, Trained

RUN_FILE = """
name: several
task: tabular_classification
data: {source: rows.csv, label: label}
train: {epochs: 1, batch: {start: 25, limit: 50}}
"""


@pytest.fixture
def run_file(tmp_path) -> Path:
    rows = [f"{i % 17},{i % 5},{'yes' if i % 17 > 8 else 'no'}" for i in range(200)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,label", *rows]))
    (tmp_path / "run.yaml").write_text(RUN_FILE)
    return tmp_path / "run.yaml"


def _train(run_file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(estafet, ["train-workers", str(run_file), *arguments])


def _config(*addresses: str, index: int = 0) -> str:
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})


@pytest.mark.slow
def test_data_are_ingested_and_the_model_is_written_with_a_summary(run_file, monkeypatch):
    """One worker alone, which goes the same way as several and costs the start of one process."""
    monkeypatch.delenv("TF_CONFIG", raising=False)

    ended = _train(run_file, "--workers", "1", "--out", str(run_file.parent / "model"))

    assert ended.exit_code == 0, ended.output + repr(ended.exception)
    assert "\nepoch 1/1 · loss " in ended.output and " · batch 25 · " in ended.output
    trained = Trained.load(run_file.parent / "model")
    last = ended.output.splitlines()[-2:]
    assert last[0].startswith("validation accuracy ") and last[0].endswith(" parameters · 1 worker")
    assert last[1] == f"model {trained.version[:12]} in {run_file.parent / 'model'}"
    assert (trained.devices, trained.num_replicas, trained.epochs) == ("multi-worker", 1, 1)
    assert list((run_file.parent / ".estafet" / "runs").glob("*/artifacts/*/ingest/dataset/manifest.json"))
    assert not list((run_file.parent / ".estafet" / "scratch").iterdir())


def test_a_worker_of_a_cluster_wants_data_that_are_there(run_file, monkeypatch):
    """Several that ingest at once would each make a data set of their own."""
    monkeypatch.setenv("TF_CONFIG", _config("10.0.0.1:2222", "10.0.0.2:2222"))

    assert "has made a data set" in str(_train(run_file).exception)
    assert "is no data set: it has no manifest.json" in str(_train(run_file, "--data", "rows.csv").exception)


def test_a_worker_that_never_comes_ends_the_chief_with_its_address(run_file, monkeypatch):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        chief = f"127.0.0.1:{held.getsockname()[1]}"
    monkeypatch.setenv("TF_CONFIG", _config(chief, "127.0.0.1:9"))
    dataset = run_file.parent / "dataset"
    from cli.inspection.target import settings_of_run
    from components.ingest import step
    from estafet.runfile import load

    step.ingest(settings_of_run(load(run_file), None, {}), dataset, scratch=run_file.parent / "scratch")

    ended = _train(run_file, "--data", str(dataset), "--timeout", "0.4")

    assert ended.exception.exit_status == 4
    assert "1 of 2 workers did not come within 0.4 s: worker 1 (127.0.0.1:9)" in str(ended.exception)
    assert f"worker 0 of 2, at {chief}" in ended.output
    assert not (run_file.parent / ".estafet" / "train-workers" / "model" / TRAINED_FILE).exists()


def test_a_wrong_tf_config_is_said_before_anything_is_done(run_file, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", _config("10.0.0.1"))

    ended = _train(run_file)

    assert ended.exception.exit_status == 2
    assert "cluster.worker holds '10.0.0.1', not HOST:PORT" in str(ended.exception)
    assert not (run_file.parent / ".estafet").exists()
