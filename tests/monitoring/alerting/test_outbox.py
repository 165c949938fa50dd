"""An event reaches each receiver once, however often the check runs and however long one is away."""

from __future__ import annotations

import pytest

from estafet.runfile.monitor import Receiver
from monitoring.alerting import outbox
from monitoring.alerting.events import OPENED, cloud_event
from monitoring.alerting.receivers import targets_of
from monitoring.incidents import state as memory
from monitoring.incidents.state import MonitorState


@pytest.fixture
def state(tmp_path):
    return MonitorState(tmp_path)


def put(state, targets, count=1):
    with state.transaction() as db:
        for number in range(count):
            event = cloud_event(OPENED, f"e{number}", "m", {"incident": "i", "version": 1, "why": "w"}, 0.0)
            memory.add_event(db, event, float(number), [target.key for target in targets])


def test_one_receiver_that_is_away_does_not_keep_the_other_waiting(state, listener, tmp_path):
    targets = targets_of([Receiver(to="file", path=str(tmp_path / "a"))], f"{listener.url}/hook", {})
    listener.status = 500
    put(state, targets)

    first = outbox.deliver(state, targets, 0.0)
    listener.status = 200
    second = outbox.deliver(state, targets, 1.0)
    third = outbox.deliver(state, targets, 2.0)

    assert (first.num_waiting, second.num_waiting, third.num_waiting) == (1, 0, 0)
    assert "HTTP 500" in first.problem
    assert len((tmp_path / "a").read_text().splitlines()) == 1
    assert len(listener.posts) == 3 + 1


def test_the_pause_grows_to_an_hour():
    assert [outbox.pause_s(tries) for tries in (1, 2, 3, 4, 8, 99)] == [0, 60, 120, 240, 3600, 3600]


def test_while_it_pauses_nothing_is_sent(state, listener):
    targets = targets_of([], listener.url, {})
    listener.status = 400
    put(state, targets)
    for now_s in (0.0, 1.0, 2.0):
        outbox.deliver(state, targets, now_s)
    num_posts = len(listener.posts)
    listener.status = 200

    assert num_posts == 2, "tried at 0 s and at 1 s; then a minute passes"
    assert outbox.deliver(state, targets, 60.9).num_waiting == 1
    assert outbox.deliver(state, targets, 61.0).num_waiting == 0


def test_a_storm_is_sent_in_parts_and_in_order(state, tmp_path):
    targets = targets_of([Receiver(to="file", path=str(tmp_path / "a"))], None, {})
    put(state, targets, count=250)

    waiting = [outbox.deliver(state, targets, 0.0).num_waiting for _ in range(3)]

    assert waiting == [150, 50, 0]
    ids = [line.split('"id": "e')[1].split('"')[0] for line in (tmp_path / "a").read_text().splitlines()]
    assert ids == [str(number) for number in range(250)]


def test_who_is_added_later_is_not_told_of_the_past(state, tmp_path, listener):
    put(state, targets_of([], listener.url, {}))
    added = targets_of([Receiver(to="file", path=str(tmp_path / "a"))], listener.url, {})

    outbox.deliver(state, added, 0.0)

    assert len(listener.posts) == 1
    assert not (tmp_path / "a").exists()


def test_what_an_older_estafet_had_not_sent_is_sent(tmp_path, listener):
    """Its file has one receiver, and notes in the outbox what it took."""
    import json
    import sqlite3

    path = tmp_path / "monitor.sqlite"
    with sqlite3.connect(path) as db:
        db.execute(
            "create table outbox (id text primary key, event text, created_s real, num_tries integer default 0, "
            "last_error text, sent_s real)"
        )
        event = cloud_event(OPENED, "old", "m", {"incident": "i", "version": 1}, 0.0)
        db.execute("insert into outbox values ('old', ?, 0, 3, 'HTTP 500', null)", (json.dumps(event),))
        db.execute("insert into outbox values ('sent', ?, 0, 1, null, 5)", (json.dumps(event),))
    db.close()

    assert outbox.deliver(MonitorState(tmp_path), targets_of([], listener.url, {}), 0.0).num_waiting == 0
    assert len(listener.posts) == 1
