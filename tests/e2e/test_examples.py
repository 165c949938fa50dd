"""Every example runs, from the data that its script makes to a served version; the digits go all the way round."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from estafet.evaluation import Evaluation

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
EXAMPLES = Path(__file__).parents[2] / "examples"


def copied(name, folder):
    """Copy an example without what earlier runs left in it, and return where it is now."""
    leave = shutil.ignore_patterns("data", "data-served", ".estafet*", "__pycache__")
    return Path(shutil.copytree(EXAMPLES / name, folder / name, ignore=leave))


def call(*command):
    """Run a Python command, and return what it printed."""
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["cancer", "diabetes", "co2"])
def test_an_example_runs_and_serves_a_model_that_is_at_its_bar(name, tmp_path, empty_project):
    example = copied(name, tmp_path)
    call(example / "make_data.py")

    done = empty_project.estafet_here("run", example / "run.yaml", "--profile", "quick")

    assert done.returncode == 0, done.stdout + done.stderr

    evaluation = Evaluation.load(next(example.glob(".estafet/runs/*/artifacts/*/evaluate/evaluation")))
    assert evaluation.gates, "the example has no bar"
    assert evaluation.passed
    assert [path.name for path in (example / ".estafet" / "models" / name).glob("[0-9]*")] == ["1"]


def test_the_demo_goes_all_the_way_round_and_ends_better_than_it_began(tmp_path):
    example = copied("digits", tmp_path)

    said = call(example / "demo.py")

    assert "no drift in 450 requests" in said
    assert re.search(r"drift in 1,350 requests .*retrain", said)
    before, after = (float(re.search(rf"version {version}   (0\.\d+)", said)[1]) for version in (1, 2))
    assert after > before
    assert (example / ".estafet-demo" / "demo.html").read_text().count("<img") >= 2
    assert sorted(path.name for path in (example / ".estafet-demo" / "models" / "digits").glob("[0-9]*")) == ["1", "2"]
