"""Why a search has no winner, with the trials that say so, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from components.tune.result import TrialResult
from estafet.errors import StepFailed
from estafet.runfile.optimise import Constraint


def no_winner(trials: Sequence[TrialResult], constraints: Sequence[Constraint]) -> StepFailed:
    """Return the error for a search none of whose trials is complete and keeps to the constraints."""
    complete = [trial for trial in trials if trial.state == "complete"]
    if complete:
        return _all_break(complete, constraints)
    failed = [trial for trial in trials if trial.state == "failed"]
    return _all_failed(failed, len(trials)) if failed else _none_to_its_end(len(trials))


def _all_break(complete: Sequence[TrialResult], constraints: Sequence[Constraint]) -> StepFailed:
    """Return the error that says how close the closest came; each bound is compared with its own size."""
    bounds = {str(bound): bound for bound in constraints}

    def distance(trial: TrialResult) -> float:
        return sum(max(0.0, over) / (abs(bounds[text].bound) or 1.0) for text, over in trial.violations.items())

    closest = min(complete, key=distance)
    broken = [text for text, over in closest.violations.items() if over > 0]
    reached = " and ".join(f"{bounds[text].metric} {closest.metrics[bounds[text].metric]:.6g}" for text in broken)
    num, bound_to = len(complete), " and ".join(broken)
    return StepFailed(
        f"none of {num} complete trials keeps to tune.satisfy; trial {closest.number} comes closest, with {reached} "
        f"where {bound_to} is asked for.",
        hint="loosen tune.satisfy, or let tune.space reach configurations that keep to it, such as fewer units; "
        "or raise tune.trials.",
    )


def _all_failed(failed: Sequence[TrialResult], num_trials: int) -> StepFailed:
    """Return the error that says the commonest reason, with the first trial that had it."""
    reasons = [trial.reason or "nothing is known of why" for trial in failed]
    commonest = max(dict.fromkeys(reasons), key=reasons.count)
    example = failed[reasons.index(commonest)]
    return StepFailed(
        f"none of {num_trials} trials succeeded; {reasons.count(commonest)} of them failed as trial {example.number} "
        f"({example.hyperparameters}): {commonest}",
        hint="lower the learning rates in tune.space, or look for extreme values among the features.",
    )


def _none_to_its_end(num_trials: int) -> StepFailed:
    return StepFailed(
        f"none of {num_trials} trials was trained to its end.",
        hint="raise tune.trials or tune.hours, or write tune.pruner: none.",
    )
