"""Labels that arrived: accuracy and errors against those of the held-out rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from statsmodels.stats.proportion import proportions_ztest

from estafet.runfile.tasks import Task
from monitoring.detection.performance import performance_check

CLASSES, NUMBERS = Task.TABULAR_CLASSIFICATION, Task.TABULAR_REGRESSION


def answers(num_rows, num_wrong):
    told = np.array(["yes"] * num_rows, dtype=object)
    labels = np.array(["no"] * num_wrong + ["yes"] * (num_rows - num_wrong), dtype=object)
    return {"prediction": told, "label": labels}


def test_a_loss_of_accuracy_has_the_p_value_of_two_proportions():
    now = answers(500, 75)

    check = performance_check(CLASSES, answers(2000, 100), now["prediction"], now["label"])

    _, expected = proportions_ztest([1900, 425], [2000, 500], alternative="larger")
    assert check.p == pytest.approx(expected)
    assert check.effect == pytest.approx(0.95 - 0.85)
    assert check.detail == "accuracy 85.0% on 500 labelled requests, 95.0% on the reference"
    assert check.kind == "drift"


def test_a_gain_is_no_finding():
    now = answers(500, 0)

    check = performance_check(CLASSES, answers(2000, 400), now["prediction"], now["label"])

    assert (check.effect, check.p > 0.99) == (0.0, True)


def test_larger_errors_are_found_whatever_their_unit():
    rng = np.random.default_rng(0)
    reference = {"prediction": np.zeros(3000), "label": rng.normal(0, 1e6, 3000)}
    labels = rng.normal(0, 2e6, 400)

    check = performance_check(NUMBERS, reference, np.zeros(400), labels.astype(str).astype(object))

    found = mannwhitneyu(np.abs(labels), np.abs(reference["label"]), alternative="greater")
    assert check.p == pytest.approx(found.pvalue)
    assert check.effect == pytest.approx(found.statistic / (400 * 3000) - 0.5)


@pytest.mark.parametrize(
    ("task", "reference", "count"),
    [
        (CLASSES, answers(1000, 50), 49),
        (CLASSES, {"prediction": np.array(["yes"])}, 100),
        (Task.FORECASTING, answers(1000, 50), 100),
        (NUMBERS, {"prediction": np.zeros(100), "label": np.full(100, np.nan)}, 100),
    ],
)
def test_what_cannot_be_compared_is_not(task, reference, count):
    now = answers(count, 0)

    assert performance_check(task, reference, now["prediction"], now["label"]) is None


def test_labels_that_are_no_numbers_are_left_out():
    rng = np.random.default_rng(1)
    reference = {"prediction": np.zeros(300), "label": rng.normal(size=300)}
    labels = np.array([*rng.normal(size=100).astype(str), "n/a", None, "1e999"], dtype=object)

    check = performance_check(NUMBERS, reference, np.zeros(103), labels)

    assert "on 100 labelled requests" in check.detail
