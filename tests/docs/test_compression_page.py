"""What docs/compression.md shows is a run file that can be run, and it leaves out no kind of ensemble."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from estafet.runfile import RunFile
from estafet.runfile.company import Ensemble
from estafet.runfile.steps import settings_for

PAGE = (Path(__file__).parents[2] / "docs" / "compression.md").read_text(encoding="utf-8")
RUN_FILES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", RUN_FILES)
def test_its_run_files_ask_the_train_step_for_what_they_show(text):
    values = yaml.safe_load(text)

    told = settings_for("train", RunFile.model_validate(values))

    for section in {"ensemble", "distill"} & set(values["train"]):
        assert values["train"][section].items() <= told[section].items()


def test_its_table_has_every_kind_of_ensemble():
    kinds = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)

    assert tuple(kinds) == ("by", *get_args(Ensemble.model_fields["by"].annotation))


def test_the_keys_that_its_table_names_are_keys_of_an_ensemble():
    rows = [row for row in PAGE.splitlines() if row.startswith("| `")]
    named = {key for row in rows for key in re.findall(r"`([a-z_]+)`", row.split("|", 2)[2])}

    assert {"feature_share", "spread", "builds"} == named - {"tune"}
    assert named - {"tune"} <= set(Ensemble.model_fields)
