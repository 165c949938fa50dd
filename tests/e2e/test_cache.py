"""The cache is honest: what is reused, what runs again, and `explain` says so beforehand."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
STEPS = ("ingest", "tune", "train", "evaluate", "export", "deploy")


def verdicts(project, *options):
    """Return what `estafet explain` says of each step, and why."""
    done = project.estafet("explain", "run.yaml", *options)
    assert done.returncode == 0, done.stderr
    rows = [re.match(r"(\w+)\s+(would run|reused|skipped)\s+(.*)", line.rstrip()) for line in done.stdout.splitlines()]
    return {row[1]: (row[2], row[3]) for row in rows if row}


def states(output):
    """Return the last state of each step that the plain lines name."""
    found = re.findall(r"^(\w+)\s+(running|reused|done|failed|skipped)\b", output, re.MULTILINE)
    return {step: state for step, state in found if step in STEPS}


def runs_again(project, *options):
    """Return the steps that `explain` says would run; then run, and check that those and no others did."""
    foretold = {step for step, (verdict, _) in verdicts(project, *options).items() if verdict == "would run"}
    done = project.estafet("run", "run.yaml", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = {step for step, state in states(done.stdout).items() if state == "done"}
    assert ran == foretold
    return ran


def test_an_identical_second_run_reuses_every_step_but_deploy(trained):
    assert runs_again(trained) == {"deploy"}


def test_one_training_setting_reruns_train_and_what_follows(trained):
    reason = verdicts(trained, "--set", "train.epochs=5")["train"][1]
    assert reason == "train.epochs 4 → 5"

    assert runs_again(trained, "--set", "train.epochs=5") == {"train", "evaluate", "export", "deploy"}


def test_a_tuning_setting_does_not_touch_ingest(trained):
    found = verdicts(trained, "--set", "tune.trials=3")

    assert {step for step, (verdict, _) in found.items() if verdict == "reused"} == {"ingest"}


def test_one_byte_changed_in_the_data_reruns_everything(trained):
    data = trained.folder / "data.csv"
    text, stat = data.read_text(), data.stat()
    try:
        data.write_text(text.replace("17.99", "17.98", 1))
        found = verdicts(trained)
    finally:
        data.write_text(text)
        os.utime(data, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert "data.csv" in found["ingest"][1]
    assert {step for step, (verdict, _) in found.items() if verdict == "would run"} == set(STEPS)


def test_one_line_of_a_steps_code_reruns_what_depends_on_it(trained, tmp_path):
    """The packages are copied, so that a line of them can be changed."""
    copy = tmp_path / "code"
    for package in ("estafet", "components", "serving", "monitoring", "pipelines", "cli"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    step = copy / "components" / "train" / "step.py"
    step.write_text(step.read_text() + "\n# another line\n")

    done = trained.estafet("explain", "run.yaml", PYTHONPATH=copy)

    rows = dict(re.findall(r"^(\w+)\s+(would run|reused)", done.stdout, re.MULTILINE))
    assert [rows[step] for step in STEPS] == ["reused", "reused", *["would run"] * 4], done.stdout + done.stderr
    assert "code changed: components.train.step" in done.stdout


def test_explain_before_the_first_run_says_that_nothing_has_run(project):
    found = verdicts(project)

    assert "never ran" in found["ingest"][1]
    assert found["train"][1] == "comes after ingest"
    assert not project.workspace.exists() or not os.path.exists(project.workspace / "runs")
