"""A study in memory, made of what study.json has."""

from __future__ import annotations

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from components.tune.looking import rebuilt


def test_trials_keep_number_state_value_curve_and_constraints(make):
    """Number 1 is missing, as of a trial that was lost: those after it keep theirs all the same."""
    trials = [make.trial(2, None, "failed"), make.trial(0, 0.5), make.trial(3, 0.4, violations={"size_mb <= 1": 0.5})]

    found = rebuilt.single(make.study(trials)).trials

    assert [trial.state for trial in found] == [
        TrialState.COMPLETE, TrialState.FAIL, TrialState.FAIL, TrialState.COMPLETE
    ]  # fmt: skip
    assert found[0].params == {"learning_rate": 1e-4, "units": 16, "dropout": 0.0}
    assert found[0].intermediate_values == {1: 0.875, 2: 0.75, 3: 0.625, 4: 0.5}
    assert [found[0].constraints, found[3].constraints] == [{"size_mb &lt;= 1": by} for by in (0, 0.5)]


def test_the_better_way_is_that_of_the_study_and_of_a_front_each_its_own(make):
    trials = [make.trial(0, 0.5, metrics={"accuracy": 0.5, "latency_ms": 2.0}), make.trial(1, 0.6)]

    assert rebuilt.single(make.study(trials, maximised=True)).direction.name == "MAXIMIZE"
    front = rebuilt.front(make.study(trials, objectives={"accuracy": "maximise", "latency_ms": "minimise"}))
    assert [way.name for way in front.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert front.trials[0].values == [0.5, 2.0]
    assert front.trials[1].state is TrialState.FAIL, "it has no latency"


def test_a_range_is_widened_to_what_was_tried(make):
    """An earlier study's trials, or the model's defaults, may lie beyond the range; choices may be missing."""
    space = {
        "units": {"low": 8, "high": 16, "scale": "log", "integer": True},
        "dropout": {"low": 0.1, "high": 0.2, "scale": "linear", "integer": False},
        "activation": {"choices": ["relu"]},
        "unused": {"low": 0, "high": 1, "scale": "linear", "integer": False},
    }
    chosen = [
        {"units": 32, "dropout": 0.5, "activation": "relu", "fixed": 3},
        {"units": 8, "dropout": 0.1, "activation": "<b>"},
    ]
    trials = [make.trial(number, 0.5, hyperparameters=values) for number, values in enumerate(chosen)]
    study = make.study(trials, space=space)

    assert rebuilt.distributions(study) == {
        "units": IntDistribution(8, 32, log=True),
        "dropout": FloatDistribution(0.1, 0.5),
        "activation": CategoricalDistribution(["relu", "&lt;b&gt;"]),
    }
    assert rebuilt.single(study).trials[1].params == {"units": 8, "dropout": 0.1, "activation": "&lt;b&gt;"}
