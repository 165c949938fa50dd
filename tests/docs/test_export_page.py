"""docs/export.md: its run file, its files and its limits are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from components.export import examples
from components.export.formats import lite, making
from components.export.formats.converting import KINDS
from estafet.release import EXPORT_PAGE_FILE, TENSORS_FILE
from estafet.runfile.run import RunFile

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")


def test_its_run_file_asks_for_every_format():
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    run = RunFile.model_validate(yaml.safe_load(block))

    assert run.export.lite == KINDS
    assert run.export.tfjs


def test_its_signatures_are_those_that_are_written():
    signatures = {examples.SERVING_EXAMPLES, *examples.METHODS, "serving_default"}

    assert set(re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE)) == signatures


def test_its_limits_and_files_are_those_of_the_code():
    assert f"| {making.EXACT:g} |" in PAGE
    assert f"the ranges that {lite.NUM_CALIBRATION} training examples show" in PAGE
    assert f"estafet/{EXPORT_PAGE_FILE}" in PAGE
    assert f"estafet/{TENSORS_FILE}" in PAGE
    assert all(f"estafet/lite/{kind}.tflite" in PAGE for kind in KINDS)
