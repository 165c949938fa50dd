"""The tutorial is true: its commands are run as they stand, in one shell, in order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
ROOT = Path(__file__).parents[2]


def commands(page):
    """Return the shell commands of a page, as one script that stops where one fails."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + "".join(blocks)


def test_the_tutorial_runs_as_it_stands(tmp_path):
    shutil.copytree(ROOT / "examples" / "cancer", tmp_path / "examples" / "cancer")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    script = commands((ROOT / "docs" / "tutorial.md").read_text())
    script = script.replace("source .venv/bin/activate\n", "")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900, check=False
    )

    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "did you mean 'train.epochs'?" in said
    assert "exit status 2" in said
    assert "already served as version 1" in said
    assert "sent 569 rows" in said
    assert "mean_texture" in said
    assert "never ran" in said
