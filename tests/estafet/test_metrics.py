"""Metrics equal those worked out by hand, and scikit-learn's on random predictions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from estafet import metrics
from estafet.metrics import METRICS, Outcome, compute, confusion
from estafet.runfile.tasks import HIGHER_IS_BETTER, Task

TABLE = Task.TABULAR_CLASSIFICATION


def classified(labels, probabilities) -> Outcome:
    return Outcome(TABLE, np.asarray(labels), np.asarray(probabilities, dtype=np.float32))


def random_classified(num_classes: int, num_examples: int = 400) -> Outcome:
    rng = np.random.default_rng(num_classes)
    probabilities_NC = rng.dirichlet(np.ones(num_classes), num_examples).round(2)  # rounding makes ties
    return classified(rng.integers(0, num_classes, num_examples), probabilities_NC)


def test_every_metric_that_a_gate_may_name_can_be_computed():
    assert METRICS.keys() == HIGHER_IS_BETTER.keys()
    assert {name for names in metrics.BY_TASK.values() for name in names} == HIGHER_IS_BETTER.keys()


def test_uniform_predictions_lose_log_num_classes():
    """Guessing among C classes costs ln(C) nats per example."""
    assert metrics.log_loss(classified([0, 1, 2, 3], np.full((4, 5), 1 / 5))) == pytest.approx(np.log(5), rel=1e-6)


def test_a_sure_and_wrong_prediction_costs_a_finite_loss():
    assert metrics.log_loss(classified([0], [[0.0, 1.0]])) == pytest.approx(-np.log(2.0**-23))


def test_half_of_the_ties_count_as_won():
    """Positives score 0.5 and 0.9, negatives 0.5 and 0.1: of 4 pairs, 3 are won and 1 is tied."""
    scores = np.array([0.5, 0.9, 0.5, 0.1])

    assert metrics.roc_auc(classified([1, 1, 0, 0], np.stack([1 - scores, scores], axis=1))) == pytest.approx(3.5 / 4)


@pytest.mark.parametrize("num_classes", [2, 4])
def test_classification_metrics_equal_scikit_learns(num_classes):
    outcome = random_classified(num_classes)
    predicted_N = outcome.predictions.argmax(axis=1)
    scores = outcome.predictions[:, 1] if num_classes == 2 else np.eye(num_classes)[outcome.labels]

    found = compute(outcome)

    assert found["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(outcome.labels, predicted_N))
    assert found["f1_macro"] == pytest.approx(sklearn_metrics.f1_score(outcome.labels, predicted_N, average="macro"))
    expected = sklearn_metrics.balanced_accuracy_score(outcome.labels, predicted_N)
    assert found["balanced_accuracy"] == pytest.approx(expected)
    if num_classes == 2:
        assert found["roc_auc"] == pytest.approx(sklearn_metrics.roc_auc_score(outcome.labels, scores))
    else:
        expected = sklearn_metrics.roc_auc_score(scores, outcome.predictions, average="macro")
        assert found["roc_auc"] == pytest.approx(expected)
    assert (confusion(outcome) == sklearn_metrics.confusion_matrix(outcome.labels, predicted_N)).all()


def test_the_area_is_left_out_where_only_one_class_occurs():
    found = compute(classified([1, 1], [[0.2, 0.8], [0.6, 0.4]]))

    assert "roc_auc" not in found
    assert found["accuracy"] == 0.5


def test_regression_metrics_are_those_worked_out_by_hand():
    """Errors 1, −2, 0 on labels 1, 2, 3 (mean 2, squares 2): MSE 5/3, MAE 1, R² 1 − 5/2, MAPE (1 + 1 + 0)/3."""
    outcome = Outcome(Task.TABULAR_REGRESSION, np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.0, 3.0]))

    expected = {"rmse": np.sqrt(5 / 3), "mae": 1.0, "r2": -1.5, "mape": 2 / 3}
    assert compute(outcome) == pytest.approx(expected)


def test_shares_of_a_label_of_zero_and_variance_of_constant_labels_are_left_out():
    outcome = Outcome(Task.TABULAR_REGRESSION, np.zeros(3), np.ones(3))

    assert compute(outcome).keys() == {"rmse", "mae"}


def test_skill_is_the_share_of_the_naive_error_that_is_saved():
    """The naive forecast is off by 4, ours by 1: 3/4 is saved."""
    labels = np.full((2, 3), 10.0)
    outcome = Outcome(Task.FORECASTING, labels, labels + 1, naive=labels - 4)

    assert metrics.skill(outcome) == pytest.approx(0.75)


def test_taking_examples_keeps_labels_predictions_and_naive_together():
    numbers = np.arange(4.0)[:, None]
    taken = Outcome(Task.FORECASTING, numbers, numbers + 10, numbers + 20).take(np.array([3, 3, 0]))

    assert taken.labels[:, 0].tolist() == [3, 3, 0]
    assert taken.predictions[:, 0].tolist() == [13, 13, 10]
    assert taken.naive[:, 0].tolist() == [23, 23, 20]
