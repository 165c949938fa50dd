"""What a trial measured: kept on the trial, in one write, and read back as what the step leaves behind."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from components.tune.result import TrialResult
from components.tune.running.budget import finished
from components.tune.running.marks import MEASURED, REASON, RETRY, first_number, is_from_earlier_study
from components.tune.running.search import Judge, Measured
from estafet.errors import StepFailed

STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


def keep(trial: optuna.Trial, measured: Measured, judge: Judge) -> dict[str, float]:
    """Keep on a trial what was measured, and return by how much it breaks each constraint.

    Args:
        trial: A running trial.
        measured: What was measured, or as much as there is of a trial that did not come to its end.
        judge: What is optimised.
    """
    metrics = {name: float(value) for name, value in measured.metrics.items()}
    violations = _violations(metrics, judge)
    kept = {
        "metrics": metrics,
        "violations": violations,
        "curve": [float(value) for value in measured.value_curve],
        "epochs": measured.epochs,
        "seconds": round(measured.seconds, 3),
        "cpu_seconds": round(measured.cpu_seconds, 3),
    }
    trial.set_user_attr(MEASURED, kept)
    return violations


def _violations(metrics: Mapping[str, float], judge: Judge) -> dict[str, float]:
    try:
        return judge.violations(metrics)
    except (StepFailed, KeyError):  # what a trial costs is not measured when it is pruned or fails
        return {}


def results(study: optuna.Study, judge: Judge) -> list[TrialResult]:
    """Return the trials that have ended, in the order in which they began.

    They are numbered from 0, and their numbers never change. A trial that was tried again stands there once, with the
    number of its first try.

    Args:
        study: The study.
        judge: What is optimised.
    """
    others = [t.number for t in study.get_trials(deepcopy=False) if is_from_earlier_study(t) or RETRY in t.user_attrs]

    def number(trial: FrozenTrial) -> int:
        first = first_number(trial)
        return first - bisect.bisect_left(others, first)

    return sorted((_result(trial, number(trial), judge) for trial in finished(study)), key=lambda trial: trial.number)


def _result(trial: FrozenTrial, number: int, judge: Judge) -> TrialResult:
    kept = trial.user_attrs.get(MEASURED, {})
    return TrialResult(
        number=number,
        state=STATES[trial.state],
        hyperparameters=trial.params,
        value=_value(trial, kept, judge),
        metrics=kept.get("metrics", {}),
        violations={text: by for text, by in kept.get("violations", {}).items() if by > 0},
        curve=kept.get("curve", []),
        epochs=kept.get("epochs", 0),
        seconds=kept.get("seconds", 0.0),
        cpu_seconds=kept.get("cpu_seconds", 0.0),
        started=trial.datetime_start.timestamp() if trial.datetime_start else None,
        reason=trial.user_attrs.get(REASON),
    )


def _value(trial: FrozenTrial, kept: Mapping[str, Any], judge: Judge) -> float | None:
    """Return a trial's value: of a pruned one what it had reached, where that is enough to tell it."""
    if trial.state is TrialState.COMPLETE:
        return trial.values[0]
    if trial.state is TrialState.FAIL:
        return None
    curve = kept.get("curve", [])
    if judge.is_its_curve and curve:
        return (max if judge.maximised else min)(curve)
    try:
        return judge.values(kept.get("metrics", {}))[0]
    except (StepFailed, KeyError):
        return None
