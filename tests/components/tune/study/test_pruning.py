"""Each pruner ends what is hopeless and no winner, and none compares too early or with an earlier study."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner, PercentilePruner, SuccessiveHalvingPruner

from components.tune.running.marks import EARLIER
from components.tune.study import pruning

FRONT = [{"metric": "accuracy"}, {"metric": "parameters"}]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("auto", PercentilePruner),
        ("percentile", PercentilePruner),
        ("median", MedianPruner),
        ("halving", SuccessiveHalvingPruner),
        ("hyperband", HyperbandPruner),
        ("none", NopPruner),
    ],
)
def test_each_name_is_the_pruner_of_that_name(settings, name, kind):
    assert type(pruning.pruner(settings(pruner=name), 10)) is kind


def test_a_front_and_trials_of_two_epochs_are_not_pruned(settings):
    assert isinstance(pruning.pruner(settings(optimise=FRONT), 10), NopPruner)
    assert isinstance(pruning.pruner(settings(), 2), NopPruner)


def test_epochs_are_those_of_all_rungs(settings):
    rungs = [{"share": 0.5, "epochs": 3}, {"epochs": 4}]

    assert pruning.max_epochs(settings(rungs=rungs)) == 7
    assert pruning.max_epochs(settings(epochs=9)) == 9


def run(pruner, curves, earlier=0, direction="minimize"):
    """Run a trial for each curve, and return after how many epochs each ended; None where it was not ended early."""
    study = optuna.create_study(pruner=pruner, direction=direction)
    for _ in range(earlier):
        x = {"x": FloatDistribution(0, 1)}
        study.add_trial(optuna.create_trial(params={"x": 0.5}, distributions=x, value=-1e9, user_attrs={EARLIER: 0}))
    return [_run_one(study, curve) for curve in curves]


def _run_one(study, curve):
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    for step, value in enumerate(curve, start=1):
        trial.report(value, step)
        if trial.should_prune():
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return step
    study.tell(trial, curve[-1])
    return None


def flat(*levels, epochs=10):
    return [[float(level)] * epochs for level in levels]


@pytest.mark.parametrize(("name", "ended"), [("percentile", [None, 3, 3]), ("median", [None, None, 3])])
def test_after_four_whole_trials_a_worse_one_ends_at_the_third_epoch(settings, name, ended):
    """1 to 4 have the lower quartile 1.75 and the median 2.5; with 1.7, it is 1.7 and 2. Of 16 epochs, two are free."""
    curves = flat(1, 2, 3, 4, 1.7, 1.9, 9, epochs=16)

    assert run(pruning.pruner(settings(pruner=name), 16), curves) == [None] * 4 + ended


@pytest.mark.parametrize("epochs", [5, 15])
def test_of_fewer_than_sixteen_epochs_only_the_first_is_free(settings, epochs):
    """With few epochs, the second is the first that is compared."""
    assert run(pruning.pruner(settings(), epochs), flat(1, 2, 3, 4, 9, epochs=epochs))[-1] == 2


def test_a_metric_that_is_maximised_is_pruned_the_other_way_round(settings):
    ended = run(pruning.pruner(settings(), 10), flat(1, 2, 3, 4, 9, 0.5), direction="maximize")

    assert ended == [None] * 5 + [2]


def test_halving_ends_the_worse_half_at_the_rungs(settings):
    """Rungs after 1, 2, 4, 8 epochs. The second is worse than the first and ends at once; the third is better."""
    assert run(pruning.pruner(settings(pruner="halving"), 8), flat(2, 3, 1, epochs=8)) == [None, 1, None]


@pytest.mark.parametrize(
    ("name", "levels"), [("auto", (1, 2, 3)), ("median", (1, 2, 3)), ("halving", (1, 1, 1)), ("hyperband", (1, 1, 1))]
)
def test_the_trials_of_an_earlier_study_prune_nobody(settings, name, levels):
    """Halving compares with the second trial already, so that its own have to be equal."""
    curves = flat(*levels, epochs=9)

    assert run(pruning.pruner(settings(pruner=name), 9), curves, earlier=20) == [None] * 3


@pytest.mark.parametrize("name", ["auto", "median", "halving"])
def test_the_best_of_forty_is_never_ended(settings, name):
    """Curves fall from 10 towards their end; the one that ends lowest is the lowest throughout."""
    ends = [(7 * number) % 40 for number in range(40)]
    curves = [[end + 10 / epoch for epoch in range(1, 11)] for end in ends]

    ended = run(pruning.pruner(settings(pruner=name, trials=40), 10), curves)

    assert ended[ends.index(0)] is None
    assert sum(epochs or 10 for epochs in ended) < 0.7 * 400
