"""The cache is honest: what is reused, what runs again, and `explain` says so beforehand."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
ROOT = Path(__file__).parents[3]
STEPS = ("ingest", "tune", "train", "evaluate", "export", "deploy")


def verdicts(project, *options):
    """Return what `estafet explain` says of each step, and why."""
    return verdicts_in(project.estafet_here("explain", "run.yaml", *options))


def verdicts_in(done):
    assert done.returncode == 0, done.stderr
    rows = [re.match(r"(\w+)\s+(would run|reused|skipped)\s+(.*)", line.rstrip()) for line in done.stdout.splitlines()]
    return {row[1]: (row[2], row[3]) for row in rows if row}


def would_run(found):
    return {step for step, (verdict, _) in found.items() if verdict == "would run"}


def ran(done):
    """Return the steps whose last state in the plain lines is that they are done."""
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.findall(r"^(\w+)\s+(running|reused|done|failed|skipped)\b", done.stdout, re.MULTILINE)
    return {step for step, state in {step: state for step, state in found if step in STEPS}.items() if state == "done"}


def test_an_identical_second_run_reuses_every_step_but_deploy(second_run):
    foretold, done, _ = second_run

    assert ran(done) == would_run(verdicts_in(foretold)) == {"deploy"}


def test_one_training_setting_reruns_train_and_what_follows(trained):
    found = verdicts(trained, "--set", "train.epochs=5")
    assert found["train"][1] == "train.epochs 4 → 5"

    done = trained.estafet_here("run", "run.yaml", "--set", "train.epochs=5")

    assert ran(done) == would_run(found) == {"train", "evaluate", "export", "deploy"}


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
    assert would_run(found) == set(STEPS)


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
