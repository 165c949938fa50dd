"""The journal keeps decisions in order, and shows whether somebody changed one."""

from __future__ import annotations

import sqlite3

import pytest

from estafet.errors import DataError
from monitoring.incidents import journal
from monitoring.incidents.state import STATE_FILE, MonitorState


@pytest.fixture
def state(tmp_path):
    made = MonitorState(tmp_path)
    with made.transaction() as db:
        for number in range(3):
            journal.add(db, "policy", "incident.opened", {"model": "m", "number": number, "name": "ü\x00"}, number / 3)
    return made


def entries(state):
    with state.transaction() as db:
        return journal.entries(db)


def test_entries_come_back_in_order(state):
    assert [(entry.number, entry.body["number"], entry.at_s) for entry in entries(state)] == [
        (1, 0, 0.0), (2, 1, 1 / 3), (3, 2, 2 / 3)]  # fmt: skip


@pytest.mark.parametrize("statement", ["update journal set actor = 'x'", "delete from journal where number = 2"])
def test_no_statement_changes_or_removes_an_entry(state, statement):
    with pytest.raises(sqlite3.IntegrityError, match="only added to"):
        with state.transaction() as db:
            db.execute(statement)


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("update journal set body = '{}' where number = 2", 2),
        ("update journal set at_s = 9 where number = 3", 3),
        ("delete from journal where number = 2", 3),
    ],
)
def test_who_changes_the_file_itself_is_found_out(state, tmp_path, statement, number):
    with sqlite3.connect(tmp_path / STATE_FILE) as db:
        for trigger in ("journal_is_not_changed", "journal_is_not_shortened"):
            db.execute(f"drop trigger {trigger}")
        db.execute(statement)
    db.close()

    with pytest.raises(DataError, match=f"entry {number} of the monitor's journal"):
        entries(state)


def test_a_decision_that_is_rolled_back_is_not_in_it(state):
    with pytest.raises(RuntimeError):
        with state.transaction() as db:
            journal.add(db, "policy", "incident.closed", {"model": "m"}, 9.0)
            raise RuntimeError
    assert len(entries(state)) == 3
