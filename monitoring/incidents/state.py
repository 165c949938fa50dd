"""What the monitor remembers between checks, in one SQLite file; every transition is one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from estafet.errors import ServiceUnavailable
from monitoring.incidents import journal

STATE_FILE = "monitor.sqlite"
BUSY_TIMEOUT_S = 30
_SCHEMA = """
create table if not exists windows (
  model text, version integer, first_us integer, last_us integer, num_rows integer, status text, max_effect real,
  findings text, judged_s real, primary key (model, version, last_us));
create table if not exists incidents (
  id text primary key, model text, version integer, opened_s real, closed_s real, num_clean integer default 0,
  wants_retraining integer, why text);
create unique index if not exists one_open on incidents (model) where closed_s is null;
create table if not exists retrainings (
  model text, key text, version_before integer, version_after integer, started_s real, ended_s real, outcome text,
  why text, folder text, num_labelled integer, primary key (model, key));
create table if not exists starts (model text, key text, started_s real);
create table if not exists outbox (
  id text primary key, event text, created_s real, num_tries integer default 0, last_error text, sent_s real);
create table if not exists deliveries (
  event_id text, receiver text, num_tries integer default 0, next_try_s real default 0, last_error text, sent_s real,
  primary key (event_id, receiver));
create table if not exists decisions (incident text primary key, model text, decision text, who text, decided_s real);
create table if not exists journal (
  number integer primary key, at_s real, actor text, event text, body text, previous text, hash text);
create trigger if not exists journal_is_not_changed before update on journal
  begin select raise(abort, 'the journal is only added to') ; end;
create trigger if not exists journal_is_not_shortened before delete on journal
  begin select raise(abort, 'the journal is only added to') ; end
"""
_FIRST_VERSION_OF_DELIVERIES = 1
"""Files before it have one receiver, `notify.webhook`, and note in the outbox itself what it has taken."""


@dataclass(frozen=True)
class Incident:
    """Drift that has been alerted and is not over.

    Attributes:
        id: Its name, the same in every alert about it.
        version: The served version that it concerns.
        num_clean: Windows without a finding since the last one with some.
        wants_retraining: Whether the newest judged window shows drift that may be learned.
        why: The findings behind it, in a few words.
    """

    id: str
    version: int
    num_clean: int
    wants_retraining: bool
    why: str


@dataclass(frozen=True)
class JudgedWindow:
    """A window with a decision; times in microseconds since 1970."""

    first_us: int
    last_us: int
    num_rows: int
    status: str
    max_effect: float


@dataclass(frozen=True)
class RetrainingRecord:
    """A retraining that was started, perhaps several times; times in seconds since 1970."""

    key: str
    version_before: int
    starts_s: tuple[float, ...]
    ended_s: float | None
    outcome: str | None
    folder: str


@dataclass(frozen=True)
class Waiting:
    """An event that a receiver has not taken: how often it was tried, and when it is sent again."""

    event_id: str
    event: dict[str, object]
    num_tries: int
    next_try_s: float


class MonitorState:
    """The monitor's memory of one state folder; each method is safe while another process uses the same file."""

    def __init__(self, state_dir: str | Path):
        self.path = Path(state_dir) / STATE_FILE
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.transaction() as db:
            for statement in _SCHEMA.split(";\n"):
                db.execute(statement)
            if db.execute("pragma user_version").fetchone()[0] < _FIRST_VERSION_OF_DELIVERIES:
                db.execute(
                    "insert or ignore into deliveries (event_id, receiver) "
                    "select id, 'notify.webhook' from outbox where sent_s is null"
                )
                db.execute(f"pragma user_version = {_FIRST_VERSION_OF_DELIVERIES}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transition: all of the block's changes are kept, or none.

        Raises:
            ServiceUnavailable: Another check holds the file for more than half a minute.
        """
        try:
            with closing(sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as db:
                db.row_factory = sqlite3.Row
                db.execute("begin immediate")
                try:
                    yield db
                    db.execute("commit")
                except BaseException:
                    if db.in_transaction:
                        db.execute("rollback")
                    raise
        except sqlite3.OperationalError as error:
            raise ServiceUnavailable(
                f"the monitor's state {self.path} cannot be used: {error}.",
                hint="wait for the other `estafet monitor check` to end, and see that the disk is not full.",
            ) from error

    def last_judged_us(self, model: str, version: int) -> int | None:
        """Return the time of the newest request to a version that was judged, or None."""
        with self.transaction() as db:
            return last_judged_us(db, model, version)

    def newest_windows(self, model: str, version: int, limit: int) -> list[JudgedWindow]:
        """Return the newest judged windows of a version, newest first."""
        with self.transaction() as db:
            return newest_windows(db, model, version, limit)

    def open_incident(self, model: str) -> Incident | None:
        """Return the incident that is open, if there is one."""
        with self.transaction() as db:
            return open_incident(db, model)

    def start_retraining(
        self, model: str, key: str, *, version: int, folder: str, num_labelled: int, now_s: float
    ) -> RetrainingRecord:
        """Remember that a retraining starts; one that was killed or failed is started again under its own record."""
        with self.transaction() as db:
            db.execute(
                "insert or ignore into retrainings (model, key, version_before, started_s, folder, num_labelled) "
                "values (?, ?, ?, ?, ?, ?)",
                (model, key, version, now_s, folder, num_labelled),
            )
            db.execute(
                "update retrainings set started_s = ?, ended_s = null, outcome = null, why = null "
                "where model = ? and key = ?",
                (now_s, model, key),
            )
            db.execute("insert into starts values (?, ?, ?)", (model, key, now_s))
            evidence = {"model": model, "key": key, "version": version, "num_labelled": num_labelled, "folder": folder}
            journal.add(db, "retraining", "retraining.started", evidence, now_s)
            return _retrainings(db, model, key)[0]

    def end_retraining(
        self, model: str, key: str, *, outcome: str, why: str, version: int | None, now_s: float
    ) -> None:
        """Remember how a retraining ended: deployed, kept or failed."""
        with self.transaction() as db:
            db.execute(
                "update retrainings set ended_s = ?, outcome = ?, why = ?, version_after = ? "
                "where model = ? and key = ?",
                (now_s, outcome, why, version, model, key),
            )
            evidence = {"model": model, "key": key, "outcome": outcome, "why": why, "version": version}
            journal.add(db, "retraining", "retraining.ended", evidence, now_s)

    def retrainings(self, model: str) -> list[RetrainingRecord]:
        """Return the retrainings of a model, newest first."""
        with self.transaction() as db:
            return _retrainings(db, model)

    def learned_folder(self, model: str) -> str | None:
        """Return the labelled data set of the newest retraining that came to its end, or None."""
        done = (run.folder for run in self.retrainings(model) if run.outcome in ("deployed", "kept"))
        return next(done, None)

    def undelivered(self, receiver: str) -> list[Waiting]:
        """Return the events that a receiver has not taken, oldest first."""
        query = (
            "select id, event, deliveries.num_tries, next_try_s from outbox join deliveries on event_id = id "
            "where receiver = ? and deliveries.sent_s is null order by created_s, outbox.rowid"
        )
        with self.transaction() as db:
            rows = db.execute(query, (receiver,)).fetchall()
        return [Waiting(row["id"], json.loads(row["event"]), row["num_tries"], row["next_try_s"]) for row in rows]

    def note_delivery(
        self, event_id: str, receiver: str, *, error: str | None, now_s: float, pause_s: float = 0.0
    ) -> None:
        """Remember that an event was taken (error None), or why it was not, and when it is sent again."""
        with self.transaction() as db:
            db.execute(
                "update deliveries set num_tries = num_tries + 1, last_error = ?, sent_s = ?, next_try_s = ? "
                "where event_id = ? and receiver = ?",
                (error, None if error else now_s, now_s + pause_s, event_id, receiver),
            )

    def decision(self, incident: str) -> tuple[str, str] | None:
        """Return whether a person approved or rejected the retraining that an incident asks for, and who it was."""
        with self.transaction() as db:
            row = db.execute("select decision, who from decisions where incident = ?", (incident,)).fetchone()
        return (row["decision"], row["who"]) if row else None

    def decide(self, model: str, incident: str, decision: str, who: str, now_s: float) -> None:
        """Remember what a person decided; it may be changed until the retraining starts."""
        with self.transaction() as db:
            db.execute(
                "insert or replace into decisions values (?, ?, ?, ?, ?)", (incident, model, decision, who, now_s)
            )
            journal.add(db, who, f"retraining.{decision}", {"model": model, "incident": incident}, now_s)


def last_judged_us(db: sqlite3.Connection, model: str, version: int) -> int | None:
    """Return the time of the newest request to a version that was judged, or None."""
    query = "select max(last_us) from windows where model = ? and version = ?"
    return db.execute(query, (model, version)).fetchone()[0]


def newest_windows(db: sqlite3.Connection, model: str, version: int, limit: int) -> list[JudgedWindow]:
    """Return the newest judged windows of a version, newest first."""
    rows = db.execute(
        "select first_us, last_us, num_rows, status, max_effect from windows where model = ? and version = ? "
        "order by last_us desc limit ?",
        (model, version, limit),
    )
    return [JudgedWindow(*row) for row in rows]


def open_incident(db: sqlite3.Connection, model: str) -> Incident | None:
    """Return the incident that is open, if there is one."""
    row = db.execute(
        "select id, version, num_clean, wants_retraining, why from incidents where model = ? and closed_s is null",
        (model,),
    ).fetchone()
    if row is None:
        return None
    return Incident(row["id"], row["version"], row["num_clean"], bool(row["wants_retraining"]), row["why"])


def add_window(
    db: sqlite3.Connection,
    model: str,
    version: int,
    window: JudgedWindow,
    findings: list[dict[str, object]],
    now_s: float,
) -> None:
    """Remember a judged window."""
    values = (window.first_us, window.last_us, window.num_rows, window.status, window.max_effect, json.dumps(findings))
    db.execute("insert into windows values (?, ?, ?, ?, ?, ?, ?, ?, ?)", (model, version, *values, now_s))


def add_event(db: sqlite3.Connection, event: dict[str, object], now_s: float, receivers: Sequence[str]) -> bool:
    """Put an event into the outbox, in the transaction that brings it about; the same event is put there once.

    Args:
        db: The transaction.
        event: What happened.
        now_s: Seconds since 1970.
        receivers: The keys of those who are told; who is added later is told of later events.

    Returns:
        Whether it was not there yet.
    """
    added = db.execute(
        "insert or ignore into outbox (id, event, created_s) values (?, ?, ?)",
        (event["id"], json.dumps(event, allow_nan=False), now_s),
    )
    for receiver in receivers:
        db.execute("insert or ignore into deliveries (event_id, receiver) values (?, ?)", (event["id"], receiver))
    return added.rowcount > 0


def _retrainings(db: sqlite3.Connection, model: str, key: str | None = None) -> list[RetrainingRecord]:
    rows = db.execute(
        "select key, version_before, started_s, ended_s, outcome, folder from retrainings "
        "where model = ? and (? is null or key = ?) order by started_s desc",
        (model, key, key),
    ).fetchall()
    starts = db.execute("select key, started_s from starts where model = ? order by started_s", (model,)).fetchall()
    return [
        RetrainingRecord(
            row["key"],
            row["version_before"],
            tuple(start["started_s"] for start in starts if start["key"] == row["key"]) or (row["started_s"],),
            row["ended_s"],
            row["outcome"],
            row["folder"],
        )
        for row in rows
    ]
