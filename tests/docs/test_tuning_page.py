"""What docs/tuning.md shows is what the run file takes and what `estafet explain` says of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from components.tune.looking import pace
from components.tune.looking.estimate import planned
from components.tune.looking.tracking import STATUSES
from components.tune.result import TrialResult
from components.tune.study import sampling
from components.tune.study.staged import TRIALS_TO_NARROW_TWICE, stages
from estafet.runfile.optimise import COSTS
from estafet.runfile.run import RunFile
from estafet.runfile.tune import Tune

PAGE = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def _tune(block: str) -> Tune:
    around = {"name": "any", "task": "tabular_regression", "data": {"source": "data.csv", "label": "y"}}
    if "stratified" in block:
        around["task"] = "tabular_classification"
    return RunFile.model_validate({**around, **yaml.safe_load(block)}).tune


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_is_a_run_file_whose_plan_is_what_the_comment_says(block):
    tune = _tune(block)

    told = re.findall(r"# ((?:up to )?\d+ trials .*)", block)
    assert told in ([], [planned(tune)])


def test_there_is_an_example_of_every_key():
    known = {key for block in BLOCKS for key in yaml.safe_load(block)["tune"]}

    assert set(Tune.model_fields) - known == {"enabled", "batch_size", "pruner", "seed"}


@pytest.mark.parametrize("key", ["search", "pruner"])
def test_every_way_to_search_and_to_prune_is_on_the_page(key):
    ways = get_args(Tune.model_fields[key].annotation)

    assert [way for way in ways if f"`{way}`" not in PAGE and f"{key}: {way}" not in PAGE] in ([], ["percentile"])


def test_the_limits_of_the_automatic_search_are_those_of_the_code():
    limits = sampling.MANY_HYPERPARAMETERS, sampling.TRIALS_FOR_EACH
    assert "for {} hyperparameters or more, with fewer than {} trials for each".format(*limits) in PAGE
    assert [len(stages(num)) for num in (TRIALS_TO_NARROW_TWICE - 1, TRIALS_TO_NARROW_TWICE)] == [1, 2]
    assert f"of {TRIALS_TO_NARROW_TWICE} trials or more" in PAGE


def test_the_costs_and_what_mlflow_says_of_a_trial_are_on_the_page():
    assert all(f"`{cost}`" in PAGE for cost in COSTS)
    assert f"a pruned one is `{STATUSES['pruned']}`, a failed one `{STATUSES['failed']}`" in PAGE


def test_the_line_that_is_shown_while_it_runs_is_made_as_on_the_page():
    """Seventeen of forty trials, nine of them pruned; 23 of 11.5 s each are left."""
    trials = [
        TrialResult(
            number=n, state="pruned" if n < 9 else "complete", hyperparameters={}, value=0.4123, epochs=1, seconds=11.5
        )
        for n in range(17)
    ]

    line = pace.line(trials, wanted=40, metric="rmse", running=2)

    words, _, left = line.rpartition(" · ")
    assert f"42%  {left} · {words}" in PAGE
