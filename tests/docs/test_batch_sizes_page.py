"""What docs/batch-sizes.md shows is what the run file and the command do."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import pytest
import yaml

from cli.batch_sizes import batch_sizes
from estafet.runfile.run import RunFile
from estafet.training.batch_schedule import BatchSchedule

PAGE = (Path(__file__).parents[2] / "docs" / "batch-sizes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
AROUND = {"name": "any", "task": "tabular_regression", "data": {"source": "data.csv", "label": "y"}}


def _train(block: str):
    return RunFile.model_validate({**AROUND, **yaml.safe_load(block)}).train


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_is_a_run_file_whose_batch_is_what_the_comment_says(block):
    train = _train(block)
    told = [(int(size), int(count)) for size, count in re.findall(r"(\d+) × (\d+)", block)]
    if not told:
        assert train.batch.when in ("plateau", "noise", "auto") or "ends at a rate" in block
        return

    schedule, sizes = BatchSchedule.from_settings(train.batch, train.epochs), []
    for epoch in range(train.epochs):
        sizes.append(schedule.batch_size([{}] * epoch))

    assert [(size, len(list(epochs))) for size, epochs in groupby(sizes)] == told


def test_there_is_an_example_of_every_way_to_grow():
    assert {_train(block).batch.when for block in BLOCKS} == {"epochs", "plateau", "noise", "auto"}


def test_the_rate_that_the_rule_ends_at_is_the_one_on_the_page():
    block = next(block for block in BLOCKS if "ends at a rate" in block)
    train = _train(block)
    schedule = BatchSchedule.from_settings(train.batch, train.epochs)

    told = float(re.search(r"ends at a rate of ([\d.]+)", block)[1])
    assert train.learning_rate * schedule.learning_rate_factor(train.batch.limit) == pytest.approx(told)


def test_every_option_in_the_table_is_one_of_the_command():
    known = {name for parameter in batch_sizes.params for name in parameter.opts if name.startswith("--")}
    told = set(re.findall(r"`(--[a-z-]+)", PAGE))

    assert told - {"--logdir"} <= known
    assert known - told == {"--set"}
