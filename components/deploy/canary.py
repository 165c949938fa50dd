"""Watches a new version while it answers a share of the requests, and decides whether it may answer them all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from estafet.runfile.release import Canary as Settings
from estafet.telemetry import Progress
from serving.targets.canary import Counts, Report, total

LOOK_S = 1.0
TAKE_UP_S = 30.0
"""Seconds within which a running server has said that it has seen the canary."""
CLEARLY_BROKEN = 5, 0.5
"""Errors, and share of errors beyond the served version's, from which on nothing more is waited for."""


@dataclass(frozen=True)
class Verdict:
    """Whether a version may answer all requests.

    Attributes:
        is_good: Whether it may.
        reason: Why not, or what was seen, in a few words.
        stable: How the served version did.
        canary: How the new one did.
    """

    is_good: bool
    reason: str
    stable: Counts = field(default_factory=Counts)
    canary: Counts = field(default_factory=Counts)

    @property
    def metrics(self) -> dict[str, float]:
        """What is logged of it."""
        found = {"canary/requests": self.canary.num_requests, "canary/error_rate": self.canary.error_rate}
        ratio = _latency_ratio(self.stable, self.canary)
        return found if ratio is None else {**found, "canary/latency_ratio": ratio}


def watch(
    settings: Settings,
    look: Callable[[], list[Report]],
    *,
    load_timeout_s: float,
    progress: Progress,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Verdict:
    """Wait until the time is over or the new version has shown that it is bad.

    Args:
        settings: The section `deploy.canary`.
        look: Returns what the servers say of the canary.
        load_timeout_s: Seconds that a server has to load the version.
        progress: Told how it goes.
        clock: The time in seconds.
        sleep: Waits so many seconds.

    Returns:
        The verdict.
    """
    started, reports = clock(), []
    while not any(report.is_ready for report in reports):
        problem = next((report.problem for report in reports if report.problem), "")
        if problem:
            return Verdict(False, f"it does not load: {problem}")
        waited_s = clock() - started
        if waited_s > (load_timeout_s if reports else TAKE_UP_S):
            return _nobody(settings, waited_s, bool(reports))
        progress("waiting for a server to take up the canary")
        sleep(LOOK_S)
        reports = look()
    until = clock() + 60 * settings.minutes
    while True:
        reports = look() or reports
        problem = next((report.problem for report in reports if report.problem), "")
        if problem:
            return Verdict(False, problem)
        is_over = clock() >= until
        verdict = judge(settings, reports, is_over=is_over)
        if verdict is not None:
            return verdict
        seen = total(report.canary for report in reports)
        left_s = until - clock()
        progress(f"canary: {seen.num_requests} requests, {seen.num_errors} errors, {left_s:.0f} s to go")
        sleep(min(LOOK_S, max(left_s, 0.01)))


def judge(settings: Settings, reports: list[Report], *, is_over: bool) -> Verdict | None:
    """Decide by what the servers say, or return None where there is more to see.

    Args:
        settings: The section `deploy.canary`.
        reports: One for each server.
        is_over: Whether the time is over.
    """
    stable, canary = total(report.stable for report in reports), total(report.canary for report in reports)
    excess = canary.error_rate - stable.error_rate
    errors = f"{canary.error_rate:.1%} of its {canary.num_requests} requests failed"
    rates = f"{errors}, of the served version's {stable.error_rate:.1%}"
    is_enough = canary.num_requests >= max(settings.min_requests, 1)
    is_clear = canary.num_errors >= CLEARLY_BROKEN[0] and excess > CLEARLY_BROKEN[1]
    if (is_enough or is_clear) and excess > settings.max_error_rate:
        return Verdict(False, f"{rates} (max_error_rate {settings.max_error_rate:g})", stable, canary)
    ratio = _latency_ratio(stable, canary)
    if is_enough and ratio is not None and ratio > settings.max_latency_ratio:
        reason = f"its median request took {ratio:.1f} times as long (max_latency_ratio {settings.max_latency_ratio:g})"
        return Verdict(False, reason, stable, canary)
    if not is_over:
        return None
    if canary.num_requests < settings.min_requests:
        reason = f"it got {canary.num_requests} requests in {settings.minutes:g} min"
        return Verdict(False, f"{reason} (min_requests {settings.min_requests})", stable, canary)
    return Verdict(True, rates if canary.num_requests else "nobody asked", stable, canary)


def _nobody(settings: Settings, waited_s: float, is_seen: bool) -> Verdict:
    what = "no server had loaded it" if is_seen else "no server had taken it up"
    return Verdict(settings.min_requests == 0, f"{what} after {waited_s:.0f} s (min_requests {settings.min_requests})")


def _latency_ratio(stable: Counts, canary: Counts) -> float | None:
    """Return how many times as long the new version's median request took, or None where one has no median."""
    before_s, after_s = stable.median_s, canary.median_s
    return None if before_s is None or after_s is None else after_s / before_s
