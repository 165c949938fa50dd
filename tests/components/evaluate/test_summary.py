"""The result in a few words, for the table of the steps; and what a page says of it."""

from __future__ import annotations

import numpy as np

from components.evaluate import page, step
from estafet.evaluation import ChampionComparison, Evaluation, GateResult
from estafet.runfile.tasks import Task


def evaluation(**more) -> Evaluation:
    known = {"task": Task.IMAGE_CLASSIFICATION, "split": "test", "num_examples": 180, "headline": "accuracy",
             "metrics": {"accuracy": 0.98333, "log_loss": 0.1}}  # fmt: skip
    return Evaluation(**{**known, **more})


def compared(champion: float, passed: bool) -> ChampionComparison:
    return ChampionComparison(
        status="compared", folder="models/digits/1", metric="accuracy", candidate=0.98333, champion=champion,
        improvement=0.98333 - champion, low=-0.01, high=0.02, champion_metrics={"accuracy": champion}, passed=passed,
    )  # fmt: skip


PASSED = GateResult(metric="accuracy", value=0.98333, min=0.95, passed=True)
FAILED = GateResult(metric="accuracy", value=0.931, min=0.95, passed=False)
TOO_LOSSY = GateResult(metric="log_loss", value=0.1, max=0.05, passed=False)


def test_without_gates_the_headline_is_all():
    assert step.summary(evaluation()) == "accuracy 0.9833"


def test_gates_that_passed_are_said_so():
    assert step.summary(evaluation(gates=(PASSED,))) == "accuracy 0.9833 · gate passed"


def test_a_gate_that_failed_is_the_news():
    found = evaluation(metrics={"accuracy": 0.931}, gates=(FAILED,))

    assert step.summary(found) == "accuracy 0.931 < 0.95: refused"
    assert not found.passed


def test_a_failed_gate_of_another_metric_stands_behind_the_headline():
    assert step.summary(evaluation(gates=(PASSED, TOO_LOSSY))) == "accuracy 0.9833 · log_loss 0.1 > 0.05: refused"


def test_a_better_champion_refuses_the_candidate():
    found = evaluation(gates=(PASSED,), champion=compared(0.99, passed=False))

    assert step.summary(found) == "accuracy 0.9833, the champion's is 0.99: refused"
    assert not found.passed


def test_a_champion_that_was_matched_is_named():
    assert step.summary(evaluation(champion=compared(0.98, passed=True))) == "accuracy 0.9833 · champion 0.98"


def test_the_best_simple_model_is_the_one_with_the_best_headline():
    found = evaluation(baselines={"a": {"accuracy": 0.5}, "b": {"accuracy": 0.7}, "c": {"log_loss": 0.0}})

    assert found.best_baseline() == ("b", 0.7)
    assert evaluation().best_baseline() is None


def test_precision_and_recall_of_each_class_follow_from_the_confusion():
    """Class a: 3 of 4 found, 3 of 5 calls right; class c occurs never and is called never."""
    rows = page.per_class(np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]]), ("a", "b", "c"))

    assert rows[0] == {"class": "a", "examples": 4, "precision": 3 / 5, "recall": 3 / 4, "F1": 6 / 9}
    assert rows[2] == {"class": "c", "examples": 0, "precision": None, "recall": None, "F1": None}


def test_the_page_of_a_refused_candidate_says_so_and_escapes_names():
    found = evaluation(gates=(TOO_LOSSY,), classes=("<b>", "x"), confusion=((1, 0), (0, 1)))

    html = page.build(found, [], step.summary(found)).html()

    assert 'class="verdict bad">accuracy 0.9833 · log_loss 0.1 &gt; 0.05: refused' in html
    assert "<b>" not in html
