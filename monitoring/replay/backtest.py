"""What a policy would have done: the log of the past is judged again, check by check, with a memory of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from estafet import request_log
from estafet.errors import DataError
from estafet.runfile.steps import DriftSettings
from monitoring.detection.window import judge
from monitoring.detection.windows import window_to_judge
from monitoring.incidents import brakes, policy
from monitoring.incidents.policy import Judgement, Telling
from monitoring.incidents.state import JudgedWindow, MonitorState
from monitoring.incidents.verdict import status_of
from monitoring.served import ServedVersion


@dataclass(frozen=True)
class Replayed:
    """One check of the past that judged a window.

    Attributes:
        at: When it would have been made.
        version: The version whose requests it judged.
        num_rows: Requests in its window.
        status: `ok`, `drift` or `data_quality`.
        max_effect: The largest effect that counts.
        why: The largest findings, in a few words.
        opened: Whether it opened an incident.
        closed: Whether it closed one.
        retrains: Whether it would have started a retraining.
        withheld: Why it would not have, where an incident was open.
    """

    at: datetime
    version: int
    num_rows: int
    status: str
    max_effect: float
    why: str
    opened: bool
    closed: bool
    retrains: bool
    withheld: str = ""


def backtest(
    settings: DriftSettings,
    versions: Mapping[int, Path],
    requests_dir: str | Path,
    known_labels: Mapping[str, str],
    *,
    since: datetime,
    until: datetime,
    every: timedelta,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Replayed]:
    """Replay the checks between two times.

    Each version is checked from its first logged request on until the next one's; the policy remembers what it would
    have done. A retraining that it would have started counts as done without a new version, so the cool-down and the
    caps hold, and the incident stays open until its windows are clean.

    Args:
        settings: The `monitor` section with the model's name and task: the policy that is tried.
        versions: The folders of the served versions.
        requests_dir: The request log.
        known_labels: The labels as they are now, by request id.
        since: The first check is made one pause after this time.
        until: No check is made after this time.
        every: The pause between two checks.
        progress: Is told the time of each check.

    Raises:
        DataError: No request was logged in that time to a version that is still there.
    """
    if every <= timedelta(0):
        raise ValueError("every must be positive")
    begins = _begins(requests_dir, settings.name, versions, since, until)
    if not begins:
        raise DataError(
            f"no request to a version of '{settings.name}' that is still there was logged from {since:%Y-%m-%d %H:%M} "
            f"to {until:%Y-%m-%d %H:%M}.",
            hint="give an earlier --since; `estafet releases RUN.yaml` lists the versions.",
        )
    found: list[Replayed] = []
    with tempfile.TemporaryDirectory(prefix="estafet-backtest-") as folder:
        state, at = MonitorState(folder), since + every
        while at <= until:
            number = max((version for version, begin in begins.items() if begin <= at), default=None)
            if number is not None:
                progress(f"{at:%Y-%m-%d %H:%M}")
                served = ServedVersion(settings.name, number, versions[number])
                replayed = _check(settings, served, requests_dir, known_labels, state, max(since, begins[number]), at)
                found += [replayed] if replayed else []
            at += every
    return found


def _begins(
    requests_dir: str | Path, model: str, versions: Mapping[int, Path], since: datetime, until: datetime
) -> dict[int, datetime]:
    """Return when each version answered its first request in the time that is replayed."""
    begins: dict[int, datetime] = {}
    for number in versions:
        parts = request_log.part_files(requests_dir, model, version=number, since=since, until=until)
        for _, path in parts:
            times = request_log.read_part(path, [request_log.TS])[request_log.TS].to_pylist()
            inside = [time for time in times if since <= time < until]
            if inside:
                begins[number] = min(inside)
                break
    return begins


def _check(
    settings: DriftSettings,
    served: ServedVersion,
    requests_dir: str | Path,
    known_labels: Mapping[str, str],
    state: MonitorState,
    since: datetime,
    at: datetime,
) -> Replayed | None:
    model, now_s = settings.name, at.timestamp()
    superseded = policy.close_superseded(state, model, served.version, Telling(), now_s=now_s) is not None
    after_us = state.last_judged_us(model, served.version)
    hours = min(settings.window.hours, max((at - since).total_seconds() / 3600, 1e-6))
    window = window_to_judge(requests_dir, served, after_us=after_us, window_hours=hours, now=at)
    if window.num_rows < settings.window.min_rows:
        return None
    comparison = judge(served.reference(), window, served, settings, known_labels)
    status = status_of(comparison.findings)
    judged = JudgedWindow(window.first_us, window.last_us, window.num_rows, status, comparison.max_effect)
    judgement = Judgement(model, served.version, judged, comparison.findings, after_us)
    change = policy.record(state, judgement, settings, Telling(), now_s=now_s)
    withheld = ""
    if change.incident is not None:
        withheld = _withheld(settings, state, change.incident.wants_retraining, len(known_labels), now_s)
        if not withheld:
            key = f"{change.incident.id}-{int(now_s)}"
            num = len(known_labels)
            state.start_retraining(model, key, version=served.version, folder="", num_labelled=num, now_s=now_s)
            state.end_retraining(model, key, outcome="kept", why="replayed", version=served.version, now_s=now_s)
    return Replayed(
        at, served.version, window.num_rows, status, comparison.max_effect, policy.in_words(comparison.findings),
        change.opened, change.closed is not None or superseded, change.incident is not None and not withheld, withheld,
    )  # fmt: skip


def _withheld(
    settings: DriftSettings, state: MonitorState, wants_retraining: bool, num_labels: int, now_s: float
) -> str:
    if not wants_retraining:
        return "the newest judged window shows nothing that should be learned"
    num_fresh = num_labels if settings.labels else None
    return brakes.withheld(settings, settings.task, num_fresh, state.retrainings(settings.name), now_s) or ""
