"""The brakes: what stands against a retraining although an incident asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from estafet.runfile.monitor import Monitor, Policy, quiet_times
from estafet.runfile.tasks import Task
from monitoring.incidents.state import RetrainingRecord

DAY_S, WEEK_S = 24 * 3600, 7 * 24 * 3600
MAX_DOUBLINGS = 5
"""A cool-down grows to 32 times its length, and no further."""


def withheld(
    settings: Monitor, task: Task, num_fresh_labels: int | None, earlier: Sequence[RetrainingRecord], now_s: float
) -> str | None:
    """Return why no retraining may start, or None where nothing stands against it.

    Args:
        settings: The run file's `monitor` section.
        task: What the model does.
        num_fresh_labels: Labelled requests that no retraining has learned from; None where there is no file of labels.
        earlier: The model's retrainings, newest first.
        now_s: Seconds since 1970.
    """
    return next(_reasons(settings, task, num_fresh_labels, earlier, now_s), None)


def cooldown_s(policy: Policy, earlier: Sequence[RetrainingRecord]) -> float:
    """Return the length of the cool-down in seconds: doubled for each of the last retrainings that did not help."""
    done = [run for run in earlier if run.outcome in ("deployed", "kept")]
    num_useless = next((count for count, run in enumerate(done) if run.outcome == "deployed"), len(done))
    return policy.cooldown_hours * 3600 * 2 ** min(num_useless, MAX_DOUBLINGS)


def _reasons(
    settings: Monitor, task: Task, num_fresh_labels: int | None, earlier: Sequence[RetrainingRecord], now_s: float
) -> Iterator[str]:
    policy = settings.policy
    if policy.retrain == "off":
        yield "monitor.policy.retrain is off"
    if task is Task.FORECASTING:
        yield "a forecast learns from new rows of its series: append them to data.source, then run `estafet run`"
    if num_fresh_labels is None:
        where = f"there is no file {settings.labels}" if settings.labels else "monitor.labels names no file"
        yield f"no labels: {where}"
    elif num_fresh_labels < max(1, policy.min_labels):
        yield f"{num_fresh_labels:,} fresh labels, fewer than monitor.policy.min_labels ({policy.min_labels:,})"
    done = [run for run in earlier if run.outcome in ("deployed", "kept")]
    length_s = cooldown_s(policy, earlier)
    if done and (left_s := max(run.ended_s or 0 for run in done) + length_s - now_s) > 0:
        yield f"the last retraining is too recent: {left_s / 3600:.1f} of {length_s / 3600:g} h to go"
    yield from _too_many(policy, earlier, now_s)
    if policy.quiet_hours and _is_quiet(policy, now_s):
        yield f"it is within monitor.policy.quiet_hours ({policy.quiet_hours}, {policy.timezone})"


def _too_many(policy: Policy, earlier: Sequence[RetrainingRecord], now_s: float) -> Iterator[str]:
    starts_s = [start_s for run in earlier for start_s in run.starts_s]
    today, this_week = (sum(now_s - start_s < span_s for start_s in starts_s) for span_s in (DAY_S, WEEK_S))
    if today >= policy.max_per_day:
        yield f"{today} retrainings in 24 hours, and monitor.policy.max_per_day is {policy.max_per_day}"
    if this_week >= policy.max_per_week:
        yield f"{this_week} retrainings in seven days, and monitor.policy.max_per_week is {policy.max_per_week}"
    spent_s = sum(run.ended_s - run.starts_s[-1] for run in earlier if run.ended_s and now_s - run.ended_s < WEEK_S)
    if policy.budget_hours is not None and spent_s >= policy.budget_hours * 3600:
        yield (
            f"retrainings took {spent_s / 3600:.1f} h in seven days, and monitor.policy.budget_hours is "
            f"{policy.budget_hours:g}"
        )


def _is_quiet(policy: Policy, now_s: float) -> bool:
    first, last = quiet_times(policy.quiet_hours)
    now = datetime.fromtimestamp(now_s, ZoneInfo(policy.timezone)).time()
    return first <= now < last if first < last else now >= first or now < last
