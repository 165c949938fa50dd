"""Bad input, typed as a command: the words, the hint, the exit status, and nothing half-written."""

from __future__ import annotations

import socket
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from estafet.files import read_json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
HEADER = "width,length,kind\n"
ROWS = [f"{i % 7}.5,{i % 5}.25,{'ab'[i % 2]}" for i in range(60)]
FOLLOWERS = ("tune", "train", "evaluate", "export", "deploy")


def table(path: Path, rows: list[str] = ROWS) -> None:
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))


def pictures(folder: Path) -> None:
    """Write twenty images of two classes, and one file that is none."""
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for i in range(10):
            pixels_HW = np.full((4, 4), 10 * i + (5 if name == "dog" else 0), np.uint8)
            Image.fromarray(pixels_HW).save(folder / name / f"{i}.png")
    (folder / "dog" / "torn.png").write_text("this is no image")


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Path:
    """A folder with one good source and many bad ones."""
    folder = tmp_path_factory.mktemp("tables")
    table(folder / "good.csv")
    table(folder / "header.csv", [])
    table(folder / "one-class.csv", [row[:-1] + "a" for row in ROWS])
    table(folder / "nan-label.csv", [row[:-1] + ("NaN" if i in (3, 8) else row[-1]) for i, row in enumerate(ROWS)])
    (folder / "empty.csv").touch()
    (folder / "semicolons.csv").write_text((folder / "good.csv").read_text().replace(",", ";"))
    pictures(folder / "pictures")
    return folder


def refused(project, run_file: str, exit_status: int, *options: str, command="estafet") -> str:
    """Run a run file that must be refused, check what every refusal owes, and return what it said."""
    project.run_file.write_text(textwrap.dedent(run_file))
    done = getattr(project, command)("run", "run.yaml", *options)

    assert done.returncode == exit_status, done.stdout + done.stderr
    assert done.stderr.startswith("error: "), done.stderr
    assert "\n  hint: " in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (project.workspace / "models").exists(), "something was deployed"
    assert not list(project.folder.rglob("*.tmp")), "something is half-written"
    return done.stderr


@pytest.mark.parametrize(
    ("source", "exit_status", "words", "hint"),
    [
        ("god.csv", 3, "god.csv' does not exist", "did you mean 'good.csv'"),
        ("empty.csv", 3, "empty.csv' is empty (0 bytes)", "data.source"),
        ("header.csv", 3, "holds a header and no rows: width, length, kind", "data.source"),
        ("semicolons.csv", 3, "has one column, 'width;length;kind'", 'data.delimiter: ";"'),
        (
            "nan-label.csv",
            3,
            "2 of 60 rows cannot be used (nan-label.csv row 4: the label is miss",
            "data.max_bad_share",
        ),
        ("one-class.csv", 3, "holds 1 class in the training split ('a'); a classifier needs at least 2", "data.label"),
        ("good.csv, label: kidn", 2, "the data have no column 'kidn', which data.label names", "did you mean 'kind'?"),
        ("pictures", 3, "1 of 21 images cannot be used (dog/torn.png: it is no PNG or JPEG", "max_bad_share: 0.0477"),
    ],
)
def test_bad_data_stop_the_run_in_ingest(used, tables, source, exit_status, words, hint):
    task = "image_classification" if source == "pictures" else "tabular_classification"
    label = "" if source == "pictures" or "label" in source.partition(",")[2] else ", label: kind"

    run_file = f"name: bad\ntask: {task}\ndata: {{source: {tables}/{source}{label}}}\n"

    said = refused(used, run_file, exit_status, command="estafet_here")

    assert said.startswith("error: ingest: ")
    assert words in said
    assert hint in said
    steps = read_json(used.newest_run() / "run.json")["steps"]
    assert steps["ingest"]["state"] == "failed"
    assert {steps[step]["state"] for step in FOLLOWERS} == {"skipped"}
    assert not list(used.newest_run().glob("artifacts/*/ingest/dataset/*"))


@pytest.mark.parametrize(
    ("change", "words", "hint"),
    [
        ("trian: {epochs: 3}", "run.yaml:4: unknown key 'trian'", "did you mean 'train'?"),
        ("train: {epochs: many}", "run.yaml:4: train.epochs", "epochs: Number of passes"),
        ("train: 5", "run.yaml:4: train must hold keys (it is 5)", "write keys under `train:`"),
        ("train: {epochs: [", "this is not YAML", "check the indentation"),
        ("workspace: data.csv", "data.csv' cannot be written: File exists", "--set workspace=FOLDER"),
        ("tracking: {uri: mlruns}", "'mlruns' is a folder, which MLflow 3 no longer accepts", "sqlite:///mlflow.db"),
    ],
)
def test_a_bad_run_file_is_refused_before_anything_runs(project, change, words, hint):
    head = "name: bad\ntask: tabular_classification\ndata: {source: data.csv, label: diagnosis}\n"

    said = refused(project, head + change, 2)

    assert words in said
    assert hint in said
    assert not (project.workspace / "runs").exists()


def test_a_pinned_schema_that_is_not_there_is_found_before_anything_runs(project):
    said = refused(project, project.run_file.read_text(), 2, "--set", "data.schema_file=pinned.json")

    assert f"there is no schema file '{project.folder}/pinned.json'" in said
    assert "estafet inspect" in said
    assert not list(project.workspace.glob("runs/*"))


def test_an_unknown_task_is_answered_with_the_closest(project):
    said = refused(project, "name: bad\ntask: tabular_clasification\ndata: {source: data.csv}\n", 2)

    assert "run.yaml:2: task is 'tabular_clasification'" in said
    assert "did you mean 'tabular_classification'?" in said


def test_an_mlflow_server_that_does_not_answer_is_found_before_any_step(project):
    with socket.socket() as listener:  # bound and not listening: every connection is refused
        listener.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{listener.getsockname()[1]}"

        said = refused(project, project.run_file.read_text(), 4, "--set", f"tracking.uri={uri}")

    assert f"the MLflow store at {uri} does not answer" in said
    assert "correct tracking.uri" in said
    assert not (project.workspace / "runs").exists()


@pytest.mark.parametrize(
    ("module", "words", "hint"),
    [
        (None, "there is no module 'mine'", "put mine.py beside the run file"),
        ("def make(spec, hyperparameters)\n", "SyntaxError: expected ':' ({}/mine.py:1)", "import mine"),
        ("def make(spec, hyperparameters):\n    return 1 / 0\n", "division by zero ({}/mine.py:2)", "inputs are 'num"),
    ],
    ids=["missing", "no Python", "fails"],
)
def test_a_mistake_in_the_users_model_is_named_with_its_line(used, module, words, hint):
    (used.folder / "mine.py").unlink(missing_ok=True)
    if module:
        (used.folder / "mine.py").write_text(module)

    said = refused(
        used, used.text + "model: {build: 'mine:make'}\n", 2, "--set", "tune.trials=1", command="estafet_here"
    )

    assert said.startswith("error: tune: ")
    assert words.format(used.folder) in said
    assert hint in said
