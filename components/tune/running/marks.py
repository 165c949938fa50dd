"""What is written on a trial besides what Optuna keeps: who runs it, why it failed, and what it tries again."""

from __future__ import annotations

from optuna.trial import FrozenTrial

REASON = "reason"
"""Why a trial failed. A failed trial without a reason was interrupted or surplus, and does not count."""
OWNER = "worker"
"""The process that runs the trial."""
RETRY = "retry"
"""On a trial that tries another again: `of`, its number; `first`, the number of the first try; `deaths`, how often a
process has died of it, or while it was at it."""
MEASURED = "measured"
"""What was measured: metrics, violations, curve, epochs, seconds, cpu_seconds."""
EARLIER = "earlier"
"""On a trial that a warm start has taken over from another study: its number there."""


def is_from_earlier_study(trial: FrozenTrial) -> bool:
    """Return whether a warm start has put this trial into the study."""
    return EARLIER in trial.user_attrs


def first_number(trial: FrozenTrial) -> int:
    """Return the number of a trial's first try: its own, unless it tries another again."""
    return trial.user_attrs[RETRY]["first"] if RETRY in trial.user_attrs else trial.number
