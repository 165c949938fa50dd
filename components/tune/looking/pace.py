"""How far a tuning is: the line that is shown while trials run, and while the best are trained again.

The line is shown in a table that may have room for little of it, so the count and the best come first. Its last part,
which ends in `left`, is what the table shows before all else.
"""

from __future__ import annotations

from collections.abc import Sequence

from components.tune.looking.words import metric as in_words
from components.tune.result import TrialResult
from estafet.reports import shown

RECENT = 12
"""Number of trials whose mean time tells that of the next: later ones are pruned more often than the first."""


def line(
    trials: Sequence[TrialResult],
    *,
    wanted: int,
    metric: str,
    maximised: bool = False,
    running: int = 0,
    workers: int = 1,
    elapsed_s: float = 0.0,
    hours: float | None = None,
    then_s: float = 0.0,
) -> str:
    """Return how far the trials are, such as `trial 17/40 · best 0.4123 (rmse) · 9 pruned · 4 min left`.

    Args:
        trials: Those that have ended, in the order in which they did.
        wanted: Number of trials that shall be done.
        metric: Name of what is optimised.
        maximised: Whether more of it is better.
        running: Number of trials that run just now.
        workers: Number of processes that run trials.
        elapsed_s: Seconds since the first trial began, in this process.
        hours: Hours after which no new trial begins, if any.
        then_s: Seconds that will be needed after the last trial, for the proof.
    """
    states = [trial.state for trial in trials]
    others = [f"{states.count(state)} {state}" for state in ("pruned", "failed") if state in states]
    parts = [f"trial {len(trials)}/{wanted}", _best(best(trials, maximised), metric), *others]
    if running > 1:
        parts.append(f"{running} running")
    left_s = time_left_s(trials, wanted, workers=workers, elapsed_s=elapsed_s, hours=hours)
    if left_s is not None:
        parts.append(_left(left_s + then_s))
    return " · ".join(filter(None, parts))


def proof_line(place: int, wanted: int, *, trial: int, best: float | None = None, metric: str = "") -> str:
    """Return how far the proof is, such as `proof 3/8 · best 0.3987 (rmse) · trial 17`; the table adds the time left.

    Args:
        place: Which of the trainings is going on, from 1.
        wanted: Number of trainings in all.
        trial: The trial that is trained again.
        best: The best value on more data so far, if any.
        metric: Name of what is optimised.
    """
    return " · ".join(filter(None, [f"proof {place}/{wanted}", _best(best, metric), f"trial {trial}"]))


def time_left_s(
    trials: Sequence[TrialResult], wanted: int, *, workers: int, elapsed_s: float, hours: float | None
) -> float | None:
    """Return the seconds until the last trial ends: of the trials or of the hours, whichever ends first.

    When the hours are over, the trials that run then still come to their end, which takes one trial's time at most.

    Args:
        trials: Those that have ended, in order.
        wanted: Number of trials that shall be done.
        workers: Number of processes that run trials.
        elapsed_s: Seconds since the first trial began.
        hours: Hours after which no new trial begins, if any.

    Returns:
        Seconds, 0 or more; None where no trial tells yet how long one takes.
    """
    recent = [trial.seconds for trial in trials[-RECENT:] if trial.seconds > 0]
    if not recent:
        return None
    one_s = sum(recent) / len(recent)
    left_s = one_s * max(wanted - len(trials), 0) / workers
    return left_s if hours is None else min(left_s, max(3600 * hours - elapsed_s, 0) + one_s)


def best(trials: Sequence[TrialResult], maximised: bool) -> float | None:
    """Return the best value so far of a complete trial that keeps to every constraint, if there is one."""
    values = [
        trial.value
        for trial in trials
        if trial.state == "complete" and trial.value is not None and not any(v > 0 for v in trial.violations.values())
    ]
    return (max if maximised else min)(values) if values else None


def _best(value: float | None, metric: str) -> str:
    return "" if value is None else f"best {shown(float(value))} ({in_words(metric)})"


def _left(seconds: float) -> str:
    """Return what is left, in the units that the table of steps uses."""
    if seconds < 90:
        return f"{seconds:.0f} s left"
    return f"{seconds / 60:.0f} min left" if seconds < 5400 else f"{seconds / 3600:.1f} h left"
