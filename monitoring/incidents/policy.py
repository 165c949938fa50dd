"""What follows from a judged window: an incident, the end of one, and the request for a retraining run."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from estafet.errors import ServiceUnavailable
from estafet.runfile.monitor import Monitor
from monitoring.alerting import events
from monitoring.alerting.events import cloud_event
from monitoring.detection.drift import CHECK_WORDS, Check
from monitoring.incidents import journal
from monitoring.incidents import state as memory
from monitoring.incidents.state import Incident, JudgedWindow, MonitorState

NUM_TOLD = 20


@dataclass(frozen=True)
class Telling:
    """Who is told of what happens, and where they can look at it.

    Attributes:
        receivers: The keys of those who are told.
        report: The page of the check.
    """

    receivers: tuple[str, ...] = ()
    report: str = ""


@dataclass(frozen=True)
class Transition:
    """What a judged window changed.

    Attributes:
        incident: The incident that is open now.
        opened: Whether this window opened it.
        closed: The incident that this window ended, by its id.
    """

    incident: Incident | None
    opened: bool = False
    closed: str | None = None


@dataclass(frozen=True)
class Judgement:
    """A judged window of one served version.

    Attributes:
        model: The model's name.
        version: The served version.
        window: The window with its decision.
        findings: What counts in it.
        previous_us: The newest judged request when the window was read.
    """

    model: str
    version: int
    window: JudgedWindow
    findings: Sequence[Check]
    previous_us: int | None


def alerts_now(newest: Sequence[JudgedWindow], settings: Monitor) -> bool:
    """Tell whether the newest windows together (or the newest one alone) are worth an alert.

    Args:
        newest: Judged windows, newest first; the first is the one just judged.
        settings: Votes, the number of windows that vote, and the effect that needs no second vote.
    """
    if not newest or newest[0].status == "ok":
        return False
    policy = settings.policy
    votes = sum(window.status != "ok" for window in newest[: policy.of_windows])
    return votes >= policy.votes or newest[0].max_effect >= policy.severe_effect


def record(state: MonitorState, judged: Judgement, settings: Monitor, telling: Telling, *, now_s: float) -> Transition:
    """Remember a judged window, with the incident and the alert that follow from it, in one transaction.

    Args:
        state: The monitor's memory.
        judged: The window, its findings, and what it follows.
        settings: The run file's `monitor` section.
        telling: Who is told.
        now_s: Seconds since 1970.

    Raises:
        ServiceUnavailable: Another check has judged these requests meanwhile.
    """
    with state.transaction() as db:
        if memory.last_judged_us(db, judged.model, judged.version) != judged.previous_us:
            raise ServiceUnavailable(
                f"another check has just judged the requests to '{judged.model}'.",
                hint="run `estafet monitor check RUN.yaml` again; let only one check run at a time.",
            )
        window, found = judged.window, _as_json(judged.findings)
        memory.add_window(db, judged.model, judged.version, window, found, now_s)
        evidence = {"status": window.status, "num_rows": window.num_rows, "findings": found}
        journal.add(db, "monitor", "window.judged", {**_about(judged), **evidence}, now_s)
        incident = memory.open_incident(db, judged.model)
        if incident is not None:
            return _advance(db, judged, incident, settings.policy.clean_windows, telling, now_s)
        newest = memory.newest_windows(db, judged.model, judged.version, settings.policy.of_windows)
        if alerts_now(newest, settings):
            return _open(db, judged, telling, now_s)
        return Transition(None)


def close_superseded(state: MonitorState, model: str, version: int, telling: Telling, *, now_s: float) -> str | None:
    """Close the open incident where it concerns another version than the served one, and return its id."""
    with state.transaction() as db:
        incident = memory.open_incident(db, model)
        if incident is None or incident.version == version:
            return None
        _close(db, model, incident, f"version {version} is served", telling, now_s)
        return incident.id


def request_retraining(
    state: MonitorState, model: str, incident: Incident, telling: Telling, *, asks: bool, now_s: float
) -> None:
    """Say that a retraining starts, or that it waits for a person, once for each incident.

    Args:
        state: The monitor's memory.
        model: The model's name.
        incident: The incident that it answers.
        telling: Who is told.
        asks: Whether it waits for a person.
        now_s: Seconds since 1970.
    """
    kind = events.RETRAIN_WAITING if asks else events.RETRAIN_REQUESTED
    data = {"incident": incident.id, "version": incident.version, "why": incident.why}
    event = cloud_event(kind, f"{incident.id}-{'waiting' if asks else 'retrain'}", model, data, now_s)
    with state.transaction() as db:
        if memory.add_event(db, event, now_s, telling.receivers):
            decided = "retraining.waits_for_approval" if asks else "retraining.requested"
            journal.add(db, "policy", decided, {"model": model, **data}, now_s)


def note_withheld(state: MonitorState, model: str, incident: Incident, why: str, *, now_s: float) -> None:
    """Write into the journal why no retraining starts, once for each reason of an incident."""
    body = {"model": model, "incident": incident.id, "why": why}
    with state.transaction() as db:
        last = journal.last(db, "retraining.withheld", model)
        if last is None or _without_numbers(last) != _without_numbers(body):
            journal.add(db, "policy", "retraining.withheld", body, now_s)


def in_words(findings: Sequence[Check], limit: int = 3) -> str:
    """Return the largest findings in a few words, such as `brightness: distribution 0.62`."""
    return "; ".join(
        f"{finding.column}: {CHECK_WORDS[finding.check]} {finding.effect:.2f}" for finding in findings[:limit]
    )


def _open(db: sqlite3.Connection, judged: Judgement, telling: Telling, now_s: float) -> Transition:
    model, version, window = judged.model, judged.version, judged.window
    incident_id = f"{model}-v{version}-{window.last_us}"
    db.execute(
        "insert into incidents (id, model, version, opened_s, wants_retraining, why) values (?, ?, ?, ?, ?, ?)",
        (incident_id, model, version, now_s, window.status == "drift", in_words(judged.findings)),
    )
    data = {
        "incident": incident_id,
        "version": version,
        "status": window.status,
        "num_requests": window.num_rows,
        "since": datetime.fromtimestamp(window.first_us / 1e6, UTC).isoformat(timespec="seconds"),
        "findings": _as_json(judged.findings),
    }
    if telling.report:
        data["report"] = telling.report
    event = cloud_event(events.OPENED, f"{incident_id}-opened", model, data, now_s)
    memory.add_event(db, event, now_s, telling.receivers)
    evidence = {"incident": incident_id, "status": window.status, "why": in_words(judged.findings)}
    journal.add(db, "policy", "incident.opened", {**_about(judged), **evidence}, now_s)
    return Transition(memory.open_incident(db, model), opened=True)


def _advance(
    db: sqlite3.Connection, judged: Judgement, incident: Incident, clean_windows: int, telling: Telling, now_s: float
) -> Transition:
    num_clean = incident.num_clean + 1 if judged.window.status == "ok" else 0
    db.execute(
        "update incidents set num_clean = ?, wants_retraining = ?, why = ? where id = ?",
        (num_clean, judged.window.status == "drift", in_words(judged.findings) or incident.why, incident.id),
    )
    if num_clean >= clean_windows:
        _close(db, judged.model, incident, f"{num_clean} windows without a finding", telling, now_s)
        return Transition(None, closed=incident.id)
    return Transition(memory.open_incident(db, judged.model))


def _close(db: sqlite3.Connection, model: str, incident: Incident, reason: str, telling: Telling, now_s: float) -> None:
    db.execute("update incidents set closed_s = ?, wants_retraining = 0 where id = ?", (now_s, incident.id))
    data = {"incident": incident.id, "version": incident.version, "why": reason}
    event = cloud_event(events.CLOSED, f"{incident.id}-closed", model, data, now_s)
    memory.add_event(db, event, now_s, telling.receivers)
    journal.add(db, "policy", "incident.closed", {"model": model, **data}, now_s)


def _about(judged: Judgement) -> dict[str, object]:
    window = judged.window
    return {"model": judged.model, "version": judged.version, "first_us": window.first_us, "last_us": window.last_us}


def _without_numbers(body: dict[str, object]) -> tuple[object, str]:
    """A countdown is one reason, however far it has come."""
    return body["incident"], "".join(letter for letter in str(body["why"]) if not letter.isdigit())


def _as_json(findings: Sequence[Check]) -> list[dict[str, object]]:
    return [finding.to_json() for finding in findings[:NUM_TOLD]]
