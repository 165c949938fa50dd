"""The journal: every decision with its evidence, in order, each line sealed with the hash of the one before."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass

from estafet.errors import DataError


@dataclass(frozen=True)
class Entry:
    """One decision.

    Attributes:
        number: Its place, from 1.
        at_s: Seconds since 1970.
        actor: Who decided: `monitor`, `policy`, `retraining`, or a person.
        event: What was decided, such as `incident.opened`.
        body: The evidence, as JSON values.
    """

    number: int
    at_s: float
    actor: str
    event: str
    body: dict[str, object]


def add(db: sqlite3.Connection, actor: str, event: str, body: dict[str, object], now_s: float) -> None:
    """Add an entry, in the transaction whose decision it tells.

    Args:
        db: The transaction.
        actor: Who decided.
        event: What was decided.
        body: The evidence, as JSON values.
        now_s: Seconds since 1970.
    """
    row = db.execute("select hash from journal order by number desc limit 1").fetchone()
    previous, text = row[0] if row else "", json.dumps(body, sort_keys=True, allow_nan=False)
    sealed = _hash(previous, now_s, actor, event, text)
    db.execute(
        "insert into journal (at_s, actor, event, body, previous, hash) values (?, ?, ?, ?, ?, ?)",
        (now_s, actor, event, text, previous, sealed),
    )


def entries(db: sqlite3.Connection) -> list[Entry]:
    """Return all entries, oldest first.

    Raises:
        DataError: An entry was changed or taken out since it was written.
    """
    found, previous = [], ""
    for number, at_s, actor, event, text, before, sealed in db.execute(
        "select number, at_s, actor, event, body, previous, hash from journal order by number"
    ):
        if before != previous or sealed != _hash(previous, at_s, actor, event, text):
            raise DataError(
                f"entry {number} of the monitor's journal ({event}) is not as it was written, or one before is gone.",
                hint="somebody changed the monitor's state by hand: compare it with a backup, and with MLflow's runs.",
            )
        found.append(Entry(number, at_s, actor, event, json.loads(text)))
        previous = sealed
    return found


def last(db: sqlite3.Connection, event: str, model: str) -> dict[str, object] | None:
    """Return the newest evidence of an event about a model, or None."""
    row = db.execute(
        "select body from journal where event = ? and json_extract(body, '$.model') = ? order by number desc limit 1",
        (event, model),
    ).fetchone()
    return json.loads(row[0]) if row else None


def _hash(previous: str, at_s: float, actor: str, event: str, text: str) -> str:
    parts = (previous, repr(float(at_s)), actor, event, text)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
