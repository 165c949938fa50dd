"""What follows from a judged window: an alert, the end of one, and whether a retraining run may start."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from estafet.errors import ServiceUnavailable
from estafet.runfile.monitor import Monitor, Retrain
from estafet.runfile.tasks import Task
from monitoring.alerting.alerts import cloud_event
from monitoring.detection.drift import CHECK_WORDS, Check
from monitoring.incidents import state as memory
from monitoring.incidents.state import Incident, JudgedWindow, MonitorState, RetrainingRecord

NUM_CLEAN_TO_CLOSE = 3
NUM_TOLD = 20
WEEK_S = 7 * 24 * 3600


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


def alerts_now(newest: Sequence[JudgedWindow], settings: Monitor) -> bool:
    """Tell whether the newest windows together (or the newest one alone) are worth an alert.

    Args:
        newest: Judged windows, newest first; the first is the one just judged.
        settings: Votes, the number of windows that vote, and the effect that needs no second vote.
    """
    if not newest or newest[0].status == "ok":
        return False
    votes = sum(window.status != "ok" for window in newest[: settings.of_windows])
    return votes >= settings.votes or newest[0].max_effect >= settings.severe_effect


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


def record(state: MonitorState, judged: Judgement, settings: Monitor, *, notify: bool, now_s: float) -> Transition:
    """Remember a judged window, with the incident and the alert that follow from it, in one transaction.

    Args:
        state: The monitor's memory.
        judged: The window, its findings, and what it follows.
        settings: The run file's `monitor` section.
        notify: Whether an alert goes into the outbox.
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
        memory.add_window(db, judged.model, judged.version, judged.window, _as_json(judged.findings), now_s)
        incident = memory.open_incident(db, judged.model)
        if incident is not None:
            return _advance(db, judged, incident, notify=notify, now_s=now_s)
        newest = memory.newest_windows(db, judged.model, judged.version, settings.of_windows)
        if alerts_now(newest, settings):
            return _open(db, judged, notify=notify, now_s=now_s)
        return Transition(None)


def close_superseded(state: MonitorState, model: str, version: int, *, notify: bool, now_s: float) -> str | None:
    """Close the open incident where it concerns another version than the served one, and return its id."""
    with state.transaction() as db:
        incident = memory.open_incident(db, model)
        if incident is None or incident.version == version:
            return None
        _close(db, model, incident, f"version {version} is served", notify=notify, now_s=now_s)
        return incident.id


def request_retraining(state: MonitorState, model: str, incident: Incident, why: str, *, now_s: float) -> None:
    """Put the trigger into the outbox, once for each incident."""
    data = {"incident": incident.id, "version": incident.version, "why": why}
    event = cloud_event("estafet.retrain.requested", f"{incident.id}-retrain", model, data, now_s)
    with state.transaction() as db:
        memory.add_event(db, event, now_s)


def withheld(
    settings: Retrain, task: Task, num_fresh_labels: int | None, earlier: Sequence[RetrainingRecord], now_s: float
) -> str | None:
    """Return why no retraining may start, or None where nothing stands against it.

    Args:
        settings: The brakes.
        task: What the model does.
        num_fresh_labels: Labelled requests that no retraining has learned from; None where there is no file of labels.
        earlier: The model's retrainings.
        now_s: Seconds since 1970.
    """
    if settings.mode == "off":
        return "monitor.retrain.mode is off"
    if task is Task.FORECASTING:
        return "a forecast learns from new rows of its series: append them to data.source, then run `estafet run`"
    if num_fresh_labels is None:
        where = f"there is no file {settings.labels}" if settings.labels else "monitor.retrain.labels names no file"
        return f"no labels: {where}"
    if num_fresh_labels < max(1, settings.min_labels):
        return f"{num_fresh_labels:,} fresh labels, fewer than monitor.retrain.min_labels ({settings.min_labels:,})"
    done = [run for run in earlier if run.outcome in ("deployed", "kept")]
    if done and (left_s := max(run.ended_s or 0 for run in done) + settings.cooldown_hours * 3600 - now_s) > 0:
        return f"the last retraining is too recent: {left_s / 3600:.1f} of {settings.cooldown_hours:g} h to go"
    num_this_week = sum(now_s - start_s < WEEK_S for run in earlier for start_s in run.starts_s)
    if num_this_week >= settings.max_per_week:
        return f"{num_this_week} retrainings in seven days, and monitor.retrain.max_per_week is {settings.max_per_week}"
    return None


def in_words(findings: Sequence[Check], limit: int = 3) -> str:
    """Return the largest findings in a few words, such as `brightness: distribution 0.62`."""
    return "; ".join(
        f"{finding.column}: {CHECK_WORDS[finding.check]} {finding.effect:.2f}" for finding in findings[:limit]
    )


def _open(db: sqlite3.Connection, judged: Judgement, *, notify: bool, now_s: float) -> Transition:
    model, version, window = judged.model, judged.version, judged.window
    incident_id = f"{model}-v{version}-{window.last_us}"
    db.execute(
        "insert into incidents (id, model, version, opened_s, wants_retraining, why) values (?, ?, ?, ?, ?, ?)",
        (incident_id, model, version, now_s, window.status == "drift", in_words(judged.findings)),
    )
    if notify:
        data = {
            "incident": incident_id,
            "version": version,
            "status": window.status,
            "num_requests": window.num_rows,
            "findings": _as_json(judged.findings),
        }
        memory.add_event(db, cloud_event("estafet.drift.opened", f"{incident_id}-opened", model, data, now_s), now_s)
    return Transition(memory.open_incident(db, model), opened=True)


def _advance(
    db: sqlite3.Connection, judged: Judgement, incident: Incident, *, notify: bool, now_s: float
) -> Transition:
    num_clean = incident.num_clean + 1 if judged.window.status == "ok" else 0
    db.execute(
        "update incidents set num_clean = ?, wants_retraining = ?, why = ? where id = ?",
        (num_clean, judged.window.status == "drift", in_words(judged.findings) or incident.why, incident.id),
    )
    if num_clean >= NUM_CLEAN_TO_CLOSE:
        _close(db, judged.model, incident, f"{num_clean} windows without a finding", notify=notify, now_s=now_s)
        return Transition(None, closed=incident.id)
    return Transition(memory.open_incident(db, judged.model))


def _close(db: sqlite3.Connection, model: str, incident: Incident, reason: str, *, notify: bool, now_s: float) -> None:
    db.execute("update incidents set closed_s = ?, wants_retraining = 0 where id = ?", (now_s, incident.id))
    if notify:
        data = {"incident": incident.id, "version": incident.version, "why": reason}
        memory.add_event(db, cloud_event("estafet.drift.closed", f"{incident.id}-closed", model, data, now_s), now_s)


def _as_json(findings: Sequence[Check]) -> list[dict[str, object]]:
    return [finding.to_json() for finding in findings[:NUM_TOLD]]
