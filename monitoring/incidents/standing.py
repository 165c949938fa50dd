"""How a model stands: its incident, its windows, what waits, and what holds a retraining back."""

from __future__ import annotations

import json
from dataclasses import dataclass

from monitoring.incidents import journal
from monitoring.incidents import state as memory
from monitoring.incidents.journal import Entry
from monitoring.incidents.state import Incident, JudgedWindow, MonitorState, RetrainingRecord

NUM_WINDOWS = 5


@dataclass(frozen=True)
class Standing:
    """What the monitor knows of a model now.

    Attributes:
        incident: The incident that is open, if there is one.
        opened_s: When it was opened, in seconds since 1970.
        windows: The newest judged windows of every version, newest first, each with its version.
        waiting: Events that wait, by receiver, with what it said the last time.
        decision: What a person decided about the incident's retraining, and who.
        withheld: Why no retraining starts, as the newest check found.
        last_retraining: The newest retraining, if there was one.
    """

    incident: Incident | None
    opened_s: float | None
    windows: tuple[tuple[int, JudgedWindow], ...]
    waiting: dict[str, tuple[int, str]]
    decision: tuple[str, str] | None
    withheld: str | None
    last_retraining: RetrainingRecord | None


def standing(state: MonitorState, model: str) -> Standing:
    """Return how a model stands."""
    with state.transaction() as db:
        incident = memory.open_incident(db, model)
        opened = db.execute("select opened_s from incidents where model = ? and closed_s is null", (model,)).fetchone()
        windows = db.execute(
            "select version, first_us, last_us, num_rows, status, max_effect from windows where model = ? "
            "order by last_us desc limit ?",
            (model, NUM_WINDOWS),
        ).fetchall()
        waiting = db.execute(
            "select receiver, count(*), max(deliveries.last_error) from deliveries join outbox on id = event_id "
            "where deliveries.sent_s is null and json_extract(event, '$.subject') = ? group by receiver",
            (model,),
        ).fetchall()
        held = journal.last(db, "retraining.withheld", model)
    return Standing(
        incident,
        opened[0] if opened else None,
        tuple((row[0], JudgedWindow(*row[1:])) for row in windows),
        {row[0]: (row[1], row[2] or "") for row in waiting},
        state.decision(incident.id) if incident else None,
        str(held["why"]) if held and incident and held["incident"] == incident.id else None,
        next(iter(state.retrainings(model)), None),
    )


def history(state: MonitorState, model: str) -> list[Entry]:
    """Return the journal's entries about a model, oldest first.

    Raises:
        DataError: An entry was changed or taken out since it was written.
    """
    with state.transaction() as db:
        return [entry for entry in journal.entries(db) if entry.body.get("model") == model]


def in_words(entry: Entry) -> str:
    """Return an entry's evidence in one line."""
    body = entry.body
    if entry.event == "window.judged":
        found = body["findings"]
        worst = f": {found[0]['column']} {found[0]['check']} {found[0]['effect']:.2f}" if found else ""
        return f"version {body['version']}, {body['num_rows']:,} requests, {body['status']}{worst}"
    told = [f"{key} {body[key]}" for key in ("incident", "version", "outcome", "num_labelled") if key in body]
    return ", ".join(told) + (f": {body['why']}" if body.get("why") else "")


def as_json(entry: Entry) -> str:
    """Return an entry as one line of JSON."""
    return json.dumps({"number": entry.number, "at_s": entry.at_s, "actor": entry.actor, "event": entry.event,
                       "evidence": entry.body})  # fmt: skip
