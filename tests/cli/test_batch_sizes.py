"""`estafet batch-sizes`: a real comparison, and what is refused before anything is trained."""

from __future__ import annotations

import csv
import re
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cli.main import estafet
from cli.sizes import dataset
from estafet.runfile import load
from pipelines.workspace import Workspace

RUN = """\
name: tiny
task: tabular_classification
data: {source: data.csv, label: grows}
train: {epochs: 2, learning_rate: 0.01, batch: {start: 8, limit: 32, at: [1]}}
"""


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A folder with a run file, and a table of 300 rows whose class follows from a number."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).normal(size=(300, 2)).round(4)
    rows = [f"{x},{y},{'yes' if x > 0 else 'no'}" for x, y in values]
    (tmp_path / "data.csv").write_text("\n".join(["x,y,grows", *rows]))
    (tmp_path / "run.yaml").write_text(RUN)
    return tmp_path


def _table_row(output: str, batch: str) -> list[str]:
    """Return the cells of a training's row on the terminal, which are two spaces apart at least."""
    lines = output[output.index("batch ") :].splitlines()
    line = next(line for line in lines if line.startswith(f"{batch} "))
    return re.split(r" {2,}", line.strip())


def _rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return {row["batch"]: row for row in csv.DictReader(file)}


@pytest.mark.slow
def test_a_size_and_the_schedule_are_trained_compared_drawn_and_recorded(project):
    done = CliRunner().invoke(estafet, ["batch-sizes", "run.yaml", "--sizes", "64", "--out", "found"])

    assert done.exit_code == 0, done.output
    rows = _rows(project / "found" / "batch-sizes.csv")
    assert {name: (row["kind"], row["epochs"]) for name, row in rows.items()} == {
        "64": ("fixed", "2"),
        "8 → 32": ("schedule", "2"),
    }
    clock = "cpu_seconds_to_target" if "The machine was busy" in done.output else "seconds_to_target"
    for name, row in rows.items():
        _, rate, *shown, _ = _table_row(done.output, name)
        told = ("epoch_s", "epoch_cpu_s", "examples_per_s", "best", "final", clock)
        assert float(rate) == float(row["learning_rate"]) == 0.01
        assert [float(cell.replace(",", "")) for cell in shown] == [
            pytest.approx(float(row[column]), rel=0.05, abs=0.5 if column == "examples_per_s" else 0.006)
            for column in told
        ]
        assert float(row["peak_mb"]) > 100
        assert float(row["seconds_to_target"]) <= float(row["total_s"])
    assert max(float(row["best"]) for row in rows.values()) == pytest.approx(float(rows["64"]["target"]), rel=1e-5)
    assert (project / "found" / "batch-sizes.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    page = (project / "found" / "batch-sizes.html").read_text(encoding="utf-8")
    assert "8 → 32" in page and "data:image/png;base64," in page
    _check_recorded(project / ".estafet" / "mlflow.db", rows)


def _check_recorded(store: Path, rows: dict[str, dict[str, str]]) -> None:
    """MLflow has a run for the comparison, and nested in it one for each training, with the values of its epochs."""
    with sqlite3.connect(store) as database:
        runs = dict(database.execute("select name, run_uuid from runs where status = 'FINISHED'"))
        parents = dict(database.execute("select run_uuid, value from tags where key = 'mlflow.parentRunId'"))
        epochs = database.execute("select run_uuid, step, value from metrics where key = 'batch_size'").fetchall()
        best = dict(database.execute("select run_uuid, value from metrics where key = 'best'"))
    parent = runs.pop("batch sizes")
    assert set(runs) == {"batch 64", "batch 8 → 32"}
    assert parents == dict.fromkeys(runs.values(), parent)
    steps = {(run, step): size for run, step, size in epochs}
    assert [steps[runs["batch 8 → 32"], step] for step in (0, 1)] == [8, 16]
    assert {best[runs[f"batch {name}"]] for name in rows} == {float(row["best"]) for row in rows.values()}


def test_where_there_is_no_data_set_one_is_ingested_and_found_again(project):
    loaded = load(project / "run.yaml")

    made = dataset.find(loaded, Workspace(loaded), lambda *words: None)

    assert (made / "manifest.json").is_file() and made.is_relative_to(project / ".estafet" / "runs")
    assert dataset.find(loaded, Workspace(loaded), lambda *words: None) == made


def test_data_that_cannot_be_ingested_leave_no_run_behind(project):
    (project / "data.csv").unlink()

    done = CliRunner().invoke(estafet, ["batch-sizes", "run.yaml"])

    assert done.exit_code != 0 and "data.csv" in str(done.exception)
    assert list((project / ".estafet" / "runs").iterdir()) == []


@pytest.mark.parametrize(
    "options, words",
    [
        (["--sizes", "32,many"], "'many' is not a whole number"),
        (["--sizes", "0"], "a batch has at least 1 example"),
        (["--sizes", "32,32"], "holds 32 twice"),
        (["--sizes", "32,1000"], "holds 1,000, and the training split has 2"),
        (["--sizes", "128", "--share", "0.2"], "20% of the training split has"),
        (["--target", "good"], "--target is 'good', which is no number"),
        (["--out", "data.csv"], "the folder 'data.csv' cannot be made"),
        (["--set", "train.devices=multi-worker"], "train.devices is multi-worker"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_trained(project, options, words):
    done = CliRunner().invoke(estafet, ["batch-sizes", "run.yaml", *options])

    assert words in str(done.exception)
    assert done.exception.exit_status == 2
    assert done.exception.hint
    assert not (project / ".estafet" / "batch-sizes").exists()


def test_a_run_file_that_is_not_there_is_refused(project):
    done = CliRunner().invoke(estafet, ["batch-sizes", "walk.yaml"])

    assert "there is no run file 'walk.yaml'" in str(done.exception)
