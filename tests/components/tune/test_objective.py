"""What is optimised: values, constraints, fronts, and who wins."""

from __future__ import annotations

import pytest

from components.tune.objective import NotMeasured, Objective
from components.tune.result import TrialResult
from estafet.errors import ConfigError, StepFailed
from estafet.runfile.tasks import Task
from estafet.runfile.tune import Tune


def objective(task: Task = Task.TABULAR_CLASSIFICATION, **tune) -> Objective:
    return Objective.of(Tune.model_validate(tune), task)


def trial(number: int, state: str = "complete", violations: dict | None = None, **metrics) -> TrialResult:
    value = next(iter(metrics.values()), None)
    reason = "it diverged" if state == "failed" else None
    return TrialResult(
        number=number,
        state=state,
        hyperparameters={"units": number},
        value=value,
        metrics=metrics,
        violations=violations or {},
        epochs=1,
        seconds=1,
        reason=reason,
    )


FRONT = [
    trial(0, accuracy=0.90, latency_ms=8.0),
    trial(1, accuracy=0.89, latency_ms=3.0),
    trial(2, accuracy=0.70, latency_ms=1.0),
    trial(3, accuracy=0.85, latency_ms=4.0),  # trial 1 is better in both
]
BOTH = [{"metric": "accuracy"}, {"metric": "latency_ms"}]


@pytest.mark.parametrize(
    ("task", "metric"),
    [(Task.TABULAR_REGRESSION, "rmse"), (Task.FORECASTING, "mae"), (Task.IMAGE_CLASSIFICATION, "log_loss")],
)
def test_where_nothing_is_said_the_validation_metric_of_the_task_is_minimised(task, metric):
    found = objective(task)

    assert (found.name, found.metric, found.maximised) == (metric, metric, False)
    assert found.directions == ["minimize"]
    assert found.wanted == (metric,)
    assert found.unpruned is None


def test_the_winner_is_the_best_in_the_direction_of_the_metric():
    winner, why, front = objective(optimise={"metric": "accuracy"}).choose(FRONT)

    assert winner.number == 0
    assert why == "trial 0 has the greatest accuracy, 0.9, of any complete trial"
    assert front == []


def test_a_direction_that_is_given_wins_over_the_metrics_own():
    found = objective(optimise={"metric": "accuracy", "direction": "minimise"})

    assert found.directions == ["minimize"]
    assert found.choose(FRONT)[0].number == 2


def test_of_equal_trials_the_first_wins():
    assert objective().choose([trial(4, log_loss=1.0), trial(2, log_loss=1.0)])[0].number == 2


def test_a_weighted_sum_takes_off_what_is_better_the_other_way_round():
    """0.9 · 2 − 0.01 · 8 = 1.72; the sum goes the way of its first validation metric, accuracy."""
    found = objective(optimise=[{"metric": "accuracy", "weight": 2}, {"metric": "latency_ms", "weight": 0.01}])

    assert found.values(FRONT[0].metrics) == [pytest.approx(1.72)]
    assert found.directions == ["maximize"]
    assert found.name == "2 · accuracy − 0.01 · latency_ms"
    assert "known at its end only" in found.unpruned


def test_a_sum_that_begins_with_a_cost_is_still_watched_by_its_metric():
    found = objective(optimise=[{"metric": "latency_ms", "weight": 0.1}, {"metric": "accuracy", "weight": 1}])

    assert (found.metric, found.directions) == ("accuracy", ["maximize"])
    assert found.values({"latency_ms": 3.0, "accuracy": 0.9}) == [pytest.approx(0.6)]
    assert found.name == "−0.1 · latency_ms + 1 · accuracy"


def test_a_cost_alone_is_watched_by_the_metric_of_the_task_and_prunes_nothing():
    found = objective(optimise={"metric": "parameters"})

    assert (found.metric, found.directions, found.wanted) == ("log_loss", ["minimize"], ("log_loss", "parameters"))
    assert found.choose([trial(0, log_loss=0.1, parameters=9.0), trial(1, log_loss=2.0, parameters=4.0)])[0].number == 1
    assert found.unpruned


def test_constraints_say_by_how_much_a_trial_is_beyond_them():
    found = objective(satisfy=["latency_ms <= 5", "accuracy >= 0.8"])

    violations = found.violations({"latency_ms": 7.0, "accuracy": 0.9})

    assert violations == {"latency_ms <= 5": pytest.approx(2), "accuracy >= 0.8": pytest.approx(-0.1)}
    assert found.wanted == ("accuracy", "latency_ms", "log_loss")
    assert "break a constraint" in found.unpruned


def test_the_winner_keeps_to_the_constraints():
    found = objective(optimise={"metric": "accuracy"}, satisfy=["latency_ms <= 5"])
    trials = [t.model_copy(update={"violations": found.violations(t.metrics)}) for t in FRONT]

    winner, why, _ = found.choose(trials)

    assert winner.number == 1
    assert why.endswith("of any complete trial that keeps to latency_ms <= 5")


def test_a_search_that_no_trial_of_keeps_to_the_constraints_fails_with_the_closest():
    """Trial 0 is 20 % above one bound; trial 1 is 300 % above another, though by less in its unit."""
    found = objective(satisfy=["latency_ms <= 10", "size_mb <= 0.1"])
    trials = [
        trial(0, violations={"latency_ms <= 10": 2.0}, latency_ms=12.0, size_mb=0.1),
        trial(1, violations={"size_mb <= 0.1": 0.3}, latency_ms=1.0, size_mb=0.4),
    ]

    with pytest.raises(
        StepFailed, match=r"none of 2 complete trials .* trial 0 comes closest, with latency_ms 12"
    ) as told:
        found.choose(trials)

    assert "latency_ms <= 10 is asked for" in told.value.message
    assert "tune.satisfy" in told.value.hint


def test_a_search_all_of_whose_trials_failed_says_the_commonest_reason():
    odd = trial(0, "failed").model_copy(update={"reason": "memory ran out"})

    with pytest.raises(StepFailed, match=r"none of 3 trials succeeded; 2 of them failed as trial 1 .*: it diverged"):
        objective().choose([odd, trial(1, "failed"), trial(2, "failed")])


def test_a_search_that_the_budget_ended_before_any_trial_says_so():
    with pytest.raises(StepFailed, match="none of 1 trials was trained to its end"):
        objective().choose([trial(0, "pruned", log_loss=1.0)])


def test_a_front_has_the_trials_that_no_other_beats_in_everything():
    found = objective(optimise=BOTH)

    assert found.choose(FRONT)[2] == [0, 1, 2]
    assert found.directions == ["maximize", "minimize"]
    assert found.values(FRONT[0].metrics) == [0.9, 8.0]
    assert found.unpruned


def test_without_a_rule_the_point_nearest_to_the_best_of_everything_wins():
    """In shares of the ranges 0.2 and 7 the front is (0, 1), (0.05, 0.29), (1, 0) away from the best: trial 1."""
    winner, why, _ = objective(optimise=BOTH).choose(FRONT)

    assert winner.number == 1
    assert why == "trial 1 is the one of 3 on the front that is nearest to the best of all"


@pytest.mark.parametrize(("within", "number"), [(0.0, 0), (0.02, 1), (0.3, 2)])
def test_of_those_near_the_best_by_one_metric_the_best_by_the_other_wins(within, number):
    """0.89 is 1.1 % and 0.7 is 22 % below 0.9."""
    found = objective(optimise=BOTH, choose={"metric": "accuracy", "within": within})

    winner, why, _ = found.choose(FRONT)

    assert winner.number == number
    assert f"within {100 * within:g} % of the front's best accuracy" in why


def test_trials_that_break_a_constraint_are_not_on_the_front():
    found = objective(optimise=BOTH, satisfy=["latency_ms <= 5"])
    trials = [t.model_copy(update={"violations": found.violations(t.metrics)}) for t in FRONT]

    assert found.choose(trials)[2] == [1, 2]


def test_a_metric_of_another_task_is_refused_with_those_that_there_are():
    with pytest.raises(ConfigError, match="forecasting has no metric 'accuracy'") as told:
        objective(Task.FORECASTING, optimise={"metric": "accuracy"})

    assert "mae, rmse, mape, skill" in told.value.hint and "latency_ms" in told.value.hint


def test_a_metric_that_could_not_be_measured_fails_the_trial():
    with pytest.raises(NotMeasured, match="the trial has no mape") as told:
        objective(Task.FORECASTING, optimise={"metric": "mape"}).values({"mae": 1.0})

    assert isinstance(told.value, StepFailed) and "mae" in told.value.hint


def test_the_first_value_has_a_name_of_its_own():
    """Of a front, the first value alone is one metric's; a sum or one metric is named as a whole."""
    weighted = [{"metric": "accuracy", "weight": 1}, {"metric": "latency_ms", "weight": 0.1}]

    assert objective(optimise=BOTH).first == "accuracy"
    assert objective(optimise=weighted).first == "1 · accuracy − 0.1 · latency_ms"
    assert objective(optimise={"metric": "f1_macro"}).first == "f1_macro"
