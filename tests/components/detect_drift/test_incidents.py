"""What follows from drift: alerts that are not lost, incidents that end, and a trigger with brakes."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest

from monitoring.alerting.posting import NUM_TRIES
from monitoring.incidents import standing
from monitoring.incidents.state import MonitorState
from monitoring.pages import page
from monitoring.testing import MODEL, NOW, table_rows

DAY = timedelta(days=1)


def write_labels(world, ids, label="yes"):
    path = world.root / "labels.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["request_id", "label"], *([request, label] for request in ids)])
    return {"labels": str(path), "policy": {"min_labels": 100}}


def test_an_incident_is_told_once_and_closes_after_three_clean_windows(world, rng, receiver, no_evidently, check):
    """Five windows: drift, drift, then three without."""
    is_open = []
    for day, shift in enumerate((2.0, 2.0, 0.0, 0.0, 0.0)):
        world.log(table_rows(rng, 600, shift=shift), ended=NOW + day * DAY, prefix=f"d{day}")
        is_open.append(check(world, now=NOW + day * DAY, webhook=receiver.url).incident is not None)
    assert is_open == [True, True, True, True, False]
    assert receiver.types == ["estafet.drift.opened", "estafet.drift.closed"]
    opened = receiver.events[0]
    assert opened["specversion"] == "1.0"
    assert opened["data"]["status"] == "drift"
    assert opened["data"]["findings"][0]["column"] == "age"
    assert receiver.kinds[0].startswith("application/cloudevents+json")


def test_a_new_version_closes_the_incident_and_begins_with_an_empty_history(world, rng, receiver, no_evidently, check):
    """The requests to version 1 say nothing of version 2."""
    world.log(table_rows(rng, 600, shift=2.0))
    check(world, webhook=receiver.url)
    world.serve(table_rows(rng, 2000, shift=2.0), version=2)

    idle = check(world, webhook=receiver.url)
    world.log(table_rows(rng, 600, shift=2.0), version=2, prefix="new")
    judged = check(world, webhook=receiver.url)

    assert (idle.status, idle.num_rows, idle.incident) == ("insufficient", 0, None)
    assert receiver.types == ["estafet.drift.opened", "estafet.drift.closed"]
    assert (judged.version, judged.status) == (2, "ok")


def test_a_webhook_that_is_down_loses_neither_the_verdict_nor_the_alert(world, rng, receiver, no_evidently, check):
    """Three tries fail, the report says so, and the next check sends what waits."""
    receiver.status = 503
    world.log(table_rows(rng, 600, shift=2.0))

    verdict = check(world, webhook=receiver.url)
    tries, report = len(receiver.events), (world.root / "report" / page.REPORT_FILE).read_text()
    receiver.status = 200
    again = check(world, webhook=receiver.url)

    assert tries == NUM_TRIES
    assert (verdict.status, verdict.num_undelivered, again.num_undelivered) == ("drift", 1, 0)
    assert "1 alerts wait" in report
    assert "HTTP 503" in report
    assert "secret" not in report
    assert len({event["id"] for event in receiver.events}) == 1
    check(world, webhook=receiver.url)
    assert len(receiver.events) == NUM_TRIES + 1


def test_drift_with_enough_labels_asks_for_a_retraining(world, rng, receiver, no_evidently, check):
    """The trigger is told once, however often the check is repeated."""
    ids = world.log(table_rows(rng, 600, shift=2.0))

    verdict = check(world, webhook=receiver.url, **write_labels(world, ids[:200]))
    again = check(world, webhook=receiver.url, **write_labels(world, ids[:200]))

    assert verdict.retrain
    assert again.retrain, "nothing was retrained yet, and the incident is open"
    assert receiver.types == ["estafet.drift.opened", "estafet.retrain.requested"]


def test_labels_that_arrive_after_the_alert_release_the_brake(world, rng, no_evidently, check):
    """The second check has no new requests to judge, but the incident is open and now there are labels."""
    ids = world.log(table_rows(rng, 600, shift=2.0))
    few = check(world, **write_labels(world, ids[:50]))
    enough = check(world, **write_labels(world, ids[:300]))

    assert (few.retrain, few.why) == (False, "50 fresh labels, fewer than monitor.policy.min_labels (100)")
    assert (enough.status, enough.retrain) == ("insufficient", True)


def test_labels_of_requests_that_were_never_made_do_not_count(world, rng, no_evidently, check):
    """The file names 300 requests, of which the log knows 30."""
    ids = world.log(table_rows(rng, 600, shift=2.0))

    verdict = check(world, **write_labels(world, [*ids[:30], *(f"ghost-{i}" for i in range(270))]))

    assert verdict.why.startswith("30 fresh labels")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"policy": {"retrain": "off"}}, "monitor.policy.retrain is off"),
        ({"labels": None}, "no labels: monitor.labels names no file"),
        ({"labels": "/nowhere.csv"}, "no labels: there is no file /nowhere.csv"),
        ({"policy": {"cooldown_hours": 24}}, "the last retraining is too recent: 47.0 of 48 h to go"),
        ({"policy": {"cooldown_hours": 0.5, "max_per_day": 1}}, "1 retrainings in 24 hours"),
    ],
)
def test_each_brake_says_why_it_holds(world, rng, no_evidently, changed, why, check):
    """Drift with enough labels, an hour after a retraining that kept the champion."""
    memory = MonitorState(world.state_dir)
    hour_ago_s = NOW.timestamp() - 3600
    memory.start_retraining(MODEL, "k", version=1, folder="", num_labelled=5, now_s=hour_ago_s)
    memory.end_retraining(MODEL, "k", outcome="kept", why="", version=1, now_s=hour_ago_s)
    ids = world.log(table_rows(rng, 600, shift=2.0))

    settings = write_labels(world, ids)
    verdict = check(world, **settings | changed | {"policy": settings["policy"] | changed.get("policy", {})})

    assert verdict.status == "drift"
    assert not verdict.retrain
    assert verdict.why.startswith(why)
    assert verdict.why in (world.root / "report" / page.REPORT_FILE).read_text()


def test_a_check_that_is_killed_loses_no_alert(world, rng, receiver, no_evidently, check):
    """SIGKILL after the window was judged and before anything was sent: the next check tells of the incident."""
    world.log(table_rows(rng, 600, shift=2.0))
    code = (
        "import os, signal, sys; from pathlib import Path; from components.detect_drift import step; "
        "from monitoring.testing import NOW, World; world = World(Path(sys.argv[1])); "
        "step.outbox.deliver = lambda *_: os.kill(os.getpid(), signal.SIGKILL); "
        "step.detect_drift(world.settings(), world.models_dir, world.requests_dir, world.state_dir, "
        "world.root / 'report', webhook=sys.argv[2], now=NOW)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(world.root), receiver.url], cwd=os.getcwd())

    verdict = check(world, webhook=receiver.url)

    assert killed.returncode == -signal.SIGKILL
    assert receiver.types == ["estafet.drift.opened"]
    assert (verdict.status, verdict.alert) == ("insufficient", False)
    assert verdict.incident == receiver.events[0]["data"]["incident"]


def test_with_approve_a_person_is_asked_once_and_the_answer_counts(world, rng, receiver, no_evidently, check):
    """Asked at the first check, not again at the second; the third finds the approval."""
    settings = write_labels(world, world.log(table_rows(rng, 600, shift=2.0)))
    settings["policy"]["retrain"] = "approve"
    asked, again = (check(world, webhook=receiver.url, **settings) for _ in range(2))
    MonitorState(world.state_dir).decide(MODEL, asked.incident, "approved", "ada", NOW.timestamp())

    approved = check(world, webhook=receiver.url, **settings)

    assert (asked.retrain, again.retrain, approved.retrain) == (False, False, True)
    assert asked.why == f"it waits for `estafet retrain approve RUN.yaml {asked.incident}`"
    assert receiver.types == ["estafet.drift.opened", "estafet.retrain.waiting", "estafet.retrain.requested"]


def test_a_rejected_retraining_does_not_start(world, rng, no_evidently, check):
    settings = write_labels(world, world.log(table_rows(rng, 600, shift=2.0)))
    settings["policy"]["retrain"] = "approve"
    asked = check(world, **settings)
    MonitorState(world.state_dir).decide(MODEL, asked.incident, "rejected", "ada", NOW.timestamp())

    assert check(world, **settings).why == "ada has rejected the retraining"


def test_every_decision_is_in_the_journal_with_its_evidence_once(world, rng, no_evidently, check):
    """A drifting window opens an incident; labels are missing at the first and at the second check."""
    world.log(table_rows(rng, 600, shift=2.0))
    for _ in range(2):
        check(world, policy={"min_labels": 100})

    entries = standing.history(MonitorState(world.state_dir), MODEL)

    assert [entry.event for entry in entries] == ["window.judged", "incident.opened", "retraining.withheld"]
    assert entries[0].body["findings"][0]["effect"] > 0.4
    assert entries[2].body["why"] == "no labels: monitor.labels names no file"
