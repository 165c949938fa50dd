"""A study is created, goes on, and is not taken for another."""

from __future__ import annotations

import subprocess
import sys

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.pruners import NopPruner, PercentilePruner
from optuna.trial import TrialState

from components.tune.running.budget import finished
from components.tune.study import opening
from components.tune.study.testing import TOY, try_out
from estafet.errors import ConfigError

ABOUT = {"data set": "v1", "share": 0.2}


@pytest.fixture
def open_(settings, tmp_path):
    """Open the toy study, as it is or changed."""

    def make(*, directions=("minimize",), distributions=TOY, about=ABOUT, **changes):
        chosen = settings(**{"trials": 40, "search": "tpe", **changes})
        return opening.open_study(chosen, directions, distributions, tmp_path / "scratch", "toy", about=about)

    return make


@pytest.mark.parametrize("file", [None, "study.db"])
def test_a_study_goes_on_with_its_trials_and_draws_others_than_before(open_, tmp_path, file):
    storage = file and f"sqlite:///{tmp_path / file}"
    before = try_out(open_(search="random", storage=storage), 3)

    study = open_(search="random", storage=storage)
    after = try_out(study, 3)

    assert len(finished(study)) == 6
    assert not [point for point in after if point in before]


def test_the_same_seed_draws_the_same_and_another_worker_or_seed_another(settings, tmp_path):
    def first(folder, **changes):
        worker = changes.pop("worker", 0)
        chosen = settings(search="random", **changes)
        return try_out(opening.open_study(chosen, ["minimize"], TOY, tmp_path / folder, "toy", worker=worker), 3)

    assert first("a") == first("b")
    assert first("c", worker=1) != first("a2") != first("d", seed=1)


def test_a_study_of_another_space_is_refused_and_every_difference_named(open_):
    try_out(open_(), 2)
    changed = {
        "rate": FloatDistribution(1e-5, 1e-1, log=True),
        "units": CategoricalDistribution([16, 32]),
        "dropout": FloatDistribution(0.0, 0.5),
    }

    with pytest.raises(ConfigError) as caught:
        open_(distributions=changed)

    for said in (
        "'toy'",
        "with 2 finished trials",
        "layers 1–8 (integer) was removed",
        "dropout 0–0.5 was added",
        "rate was changed from 0.0001–0.1 (log) to 1e-05–0.1 (log)",
        "units was changed from [16, 32, 64] to [16, 32]",
    ):
        assert said in caught.value.message


def test_a_study_of_other_objectives_or_data_is_refused(open_):
    open_()

    with pytest.raises(ConfigError, match="directions was minimize and is maximize, minimize"):
        open_(directions=["maximize", "minimize"])
    with pytest.raises(ConfigError, match=r"data set was v1 and is v2; share was 0\.2 and is 0\.4"):
        open_(about={"data set": "v2", "share": 0.4})


@pytest.mark.parametrize("file", [None, "study.db"])
def test_a_refused_study_is_told_what_to_do(open_, tmp_path, file):
    storage = file and f"sqlite:///{tmp_path / file}"
    open_(storage=storage)

    with pytest.raises(ConfigError) as caught:
        open_(about={}, storage=storage)

    assert ("tune.study" in caught.value.hint) == (storage is not None)
    assert (f"remove {tmp_path / 'scratch'}" in caught.value.hint) == (storage is None)


def test_more_trials_and_another_seed_are_the_same_study(open_):
    try_out(open_(), 2)

    assert len(finished(open_(trials=50, seed=3, pruner="none"))) == 2


def test_the_pruner_is_the_run_file_s_unless_a_curve_does_not_tell(open_, settings, tmp_path):
    assert isinstance(open_(epochs=10).pruner, PercentilePruner)
    study = opening.open_study(settings(epochs=10), ["minimize"], TOY, tmp_path, "other", may_prune=False)
    assert isinstance(study.pruner, NopPruner)


KILLED = """
import os, sys
from pathlib import Path
from optuna.distributions import FloatDistribution
from components.tune.study import opening
from estafet.runfile.tune import Tune

settings = Tune(search="random", storage=sys.argv[1] or None)
study = opening.open_study(settings, ["minimize"], {"x": FloatDistribution(0, 1)}, Path(sys.argv[2]), "k")
for _ in range(3):
    trial = study.ask()
    study.tell(trial, trial.suggest_float("x", 0, 1))
study.ask().suggest_float("x", 0, 1)
os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
@pytest.mark.parametrize("file", [None, "study.db"])
def test_a_killed_process_leaves_a_study_that_goes_on_with_all_that_was_told(settings, tmp_path, file):
    storage = file and f"sqlite:///{tmp_path / file}"
    told = [sys.executable, "-c", KILLED, storage or "", str(tmp_path / "s")]
    assert subprocess.run(told, check=False).returncode == -9

    chosen = settings(search="random", storage=storage)
    study = opening.open_study(chosen, ["minimize"], {"x": FloatDistribution(0, 1)}, tmp_path / "s", "k")

    states = [trial.state for trial in study.trials]
    assert states == [TrialState.COMPLETE] * 3 + [TrialState.RUNNING]
    assert len(try_out(study, 1, {"x": FloatDistribution(0, 1)}, lambda params: params["x"])) == 1


def test_optuna_says_nothing_of_its_own(open_, capfd):
    optuna.logging.set_verbosity(optuna.logging.INFO)

    try_out(open_(), 2)

    assert capfd.readouterr() == ("", "")
