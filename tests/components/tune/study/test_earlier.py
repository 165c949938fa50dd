"""A search learns from an earlier one, and is not confused by it."""

from __future__ import annotations

import optuna
import pytest

from components.tune.running.budget import counting, finished
from components.tune.running.marks import is_from_earlier_study
from components.tune.study import sampling
from components.tune.study.earlier import warm_start
from components.tune.study.testing import TOY, loss, try_out
from estafet.runfile.earlier import EarlierStudy, EarlierTrial

DEFAULTS = {"layers": 2, "rate": 1e-3, "units": 32, "dropout": 0.2}
FITS = {"layers": 5.0, "rate": 1e-2, "units": 32.0}


class Judge:
    """The loss is optimised, at a size of at most 10."""

    def values(self, metrics):
        return [metrics["loss"]]

    def violations(self, metrics):
        return {"size <= 10": metrics["size"] - 10}


def study_of(*trials, num_incomplete=0) -> EarlierStudy:
    """Make an earlier study of `(hyperparameters, metrics)`."""
    told = [
        EarlierTrial(number=number, hyperparameters=params, metrics=metrics)
        for number, (params, metrics) in enumerate(trials)
    ]
    return EarlierStudy(dataset_version="0123456789abcdef", num_incomplete=num_incomplete, trials=told)


def grown_to(params, **changes) -> tuple[dict, dict]:
    return {**params, **changes}, {"loss": 1.0, "size": 5.0}


def test_complete_trials_that_fit_are_taken_over_with_their_value_and_what_they_break():
    study = optuna.create_study()

    said = warm_start(study, TOY, DEFAULTS, study_of((FITS, {"loss": 0.5, "size": 12.0})), Judge())

    (trial, waiting) = study.trials
    assert (trial.params, trial.value, trial.constraints) == (FITS, 0.5, {"size <= 10": 2.0})
    assert isinstance(trial.params["layers"], int)
    assert said == "1 of 1 trials were taken over from the study of data 0123456789ab"
    assert waiting.system_attrs["fixed_params"] == FITS


def test_those_that_do_not_fit_are_counted_with_the_reason():
    study = optuna.create_study()
    earlier = study_of(
        grown_to(FITS),
        grown_to(FITS, rate=0.5),
        grown_to(FITS, rate=0.7),
        grown_to(FITS, units=48),
        grown_to({"layers": 3, "rate": 1e-2}),
        grown_to(FITS, dropout=0.5),
        grown_to(FITS, dropout=0.2),
        (FITS, {"accuracy": 0.9}),
        num_incomplete=4,
    )

    said = warm_start(study, TOY, DEFAULTS, earlier, Judge())

    assert said.startswith("2 of 12 trials were taken over")
    for reason in (
        "4 pruned or failed",
        "2 rate outside of its range",
        "1 units outside of its range",
        "1 units was not searched then",
        "1 dropout not 0.2, as it is now",
        "1 what is optimised now was not measured",
    ):
        assert reason in said


def test_they_count_in_no_budget_and_win_nothing():
    study = optuna.create_study()
    warm_start(study, TOY, DEFAULTS, study_of(grown_to(FITS)), Judge())

    assert not finished(study)
    assert [trial.number for trial in counting(study)] == [1]  # the best of them, which waits to be tried on new data


def test_the_best_of_them_is_tried_on_the_new_data_before_the_sampler_is_asked():
    study = optuna.create_study()
    earlier = study_of((FITS | {"rate": 1e-3}, {"loss": 3.0, "size": 1}), (FITS, {"loss": 2.0, "size": 1}))

    warm_start(study, TOY, DEFAULTS, earlier, Judge())

    assert try_out(study, 1) == [FITS]


def test_a_study_that_goes_on_takes_them_over_once_and_says_the_same():
    study, earlier = optuna.create_study(), study_of(grown_to(FITS), grown_to(FITS, rate=1e-3))
    half = EarlierStudy(**{**earlier.model_dump(), "trials": earlier.trials[:1]})
    warm_start(study, TOY, DEFAULTS, half, Judge())  # killed in the middle

    said = [warm_start(study, TOY, DEFAULTS, earlier, Judge()) for _ in range(2)]

    assert said[0] == said[1]
    assert sum(is_from_earlier_study(trial) for trial in study.trials) == 2
    assert len(study.trials) == 3


def test_nothing_to_take_over_is_said_and_no_error():
    study = optuna.create_study()

    said = warm_start(study, TOY, DEFAULTS, study_of(num_incomplete=2), Judge())

    assert said == "0 of 2 trials were taken over from the study of data 0123456789ab; not taken: 2 pruned or failed"
    assert not study.trials


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_tpe_learns_from_them(settings, seed):
    """After 30 earlier trials of nearly the same bowl, the sampler's own first ten are much better than without."""
    before = optuna.create_study(sampler=sampling.sampler("tpe", settings(trials=30), 0, 1))
    tried = try_out(before, 30)
    earlier = study_of(*(({**point}, {"loss": loss(point) + 0.01, "size": 1}) for point in tried))

    def mean_of_ten(earlier) -> float:
        study = optuna.create_study(sampler=sampling.sampler("tpe", settings(trials=30, seed=seed), 0, 0))
        if earlier:
            warm_start(study, TOY, DEFAULTS, earlier, Judge())
            try_out(study, 1)
        return sum(loss(point) for point in try_out(study, 10)) / 10

    assert mean_of_ten(earlier) < 0.6 * mean_of_ten(None)
