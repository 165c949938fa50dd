"""Votes, incidents and brakes, apart from any data."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estafet.errors import ServiceUnavailable
from estafet.runfile.monitor import Monitor
from estafet.runfile.tasks import Task
from monitoring.detection.drift import Check
from monitoring.incidents import brakes, policy
from monitoring.incidents.policy import Judgement, Telling, alerts_now, record
from monitoring.incidents.state import JudgedWindow, MonitorState, RetrainingRecord

TELLING = Telling(("notify.webhook",))
HOUR_S = 3600.0
SMALL = Check("x", "ks", 1e-9, 0.2, 0.1)


def window(status, effect=0.2, last_us=1):
    return JudgedWindow(last_us, last_us, 500, status, effect)


@pytest.mark.parametrize(
    ("newest_first", "expected"),
    [
        (["drift"], False),
        (["drift", "drift"], True),
        (["drift", "ok", "drift"], True),
        (["drift", "ok", "ok", "drift"], False),
        (["ok", "drift", "drift"], False),
        (["data_quality", "drift"], True),
        ([], False),
    ],
)
def test_two_of_the_last_three_windows_raise_the_alert(newest_first, expected):
    """And the newest one is one of them: an alert about what is over helps nobody."""
    assert alerts_now([window(status) for status in newest_first], Monitor()) is expected


def test_one_window_is_enough_where_the_effect_is_severe():
    """0.40 is, 0.39 is not."""
    assert alerts_now([window("drift", 0.40)], Monitor())
    assert not alerts_now([window("drift", 0.39)], Monitor())


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(["ok", "drift", "data_quality"]), max_size=12))
def test_there_is_never_more_than_one_open_incident_and_it_opens_and_closes_in_turn(tmp_path_factory, statuses):
    """Whatever windows come, in whatever order."""
    state = MonitorState(tmp_path_factory.mktemp("state"))
    events, previous = [], None
    for number, status in enumerate(statuses, start=1):
        found = [] if status == "ok" else [SMALL]
        judged = Judgement("m", 1, window(status, last_us=number), found, previous)
        change = record(state, judged, Monitor(), TELLING, now_s=float(number))
        previous = number
        events += ["opened"] * change.opened + ["closed"] * (change.closed is not None)
        assert (state.open_incident("m") is None) == (change.incident is None)
    assert events == ["opened", "closed"] * (len(events) // 2) + ["opened"] * (len(events) % 2)
    assert [one.event["type"].rpartition(".")[2] for one in state.undelivered("notify.webhook")] == events


def test_a_window_is_recorded_with_everything_that_follows_or_not_at_all(tmp_path, monkeypatch):
    """The outbox cannot be written: then the window counts as not judged, and the next check judges it."""
    state = MonitorState(tmp_path)
    judged = Judgement("m", 1, window("drift", 0.9), [SMALL], None)

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(policy.memory, "add_event", fail)
        with pytest.raises(OSError, match="No space"):
            record(state, judged, Monitor(), TELLING, now_s=1.0)
    assert state.last_judged_us("m", 1) is None
    assert state.open_incident("m") is None
    assert record(state, judged, Monitor(), TELLING, now_s=1.0).opened


def test_models_and_versions_have_histories_of_their_own(tmp_path):
    """One drifting window of each of two models, or of each of two versions, is one vote for each."""
    state = MonitorState(tmp_path)
    for model, version in (("a", 1), ("b", 1), ("a", 2)):
        judged = Judgement(model, version, window("drift"), [SMALL], None)
        assert not record(state, judged, Monitor(), TELLING, now_s=1.0).opened


def test_a_state_that_is_held_by_another_check_is_said(tmp_path, monkeypatch):
    """It may work later, so the exit status says so."""
    state = MonitorState(tmp_path)
    monkeypatch.setattr("monitoring.incidents.state.BUSY_TIMEOUT_S", 0.05)
    with state.transaction():
        with pytest.raises(ServiceUnavailable, match="cannot be used: database is locked"):
            MonitorState(tmp_path)


def done(hours_ago, outcome="kept"):
    return RetrainingRecord("k", 1, (-hours_ago * HOUR_S,), -hours_ago * HOUR_S, outcome, "")


@pytest.mark.parametrize(
    ("num_labels", "earlier", "changed", "expected"),
    [
        (500, [], {}, None),
        (499, [], {}, "499 fresh labels"),
        (0, [], {"min_labels": 0}, "0 fresh labels"),
        (500, [done(23, "deployed")], {}, "the last retraining is too recent: 1.0 of 24 h"),
        (500, [done(25, "deployed")], {}, None),
        (500, [done(25)], {}, "the last retraining is too recent: 23.0 of 48 h"),
        (500, [done(49)], {}, None),
        (500, [done(49), done(100)], {}, "the last retraining is too recent: 47.0 of 96 h"),
        (500, [done(49), done(100, "deployed"), done(200)], {}, None),
        (500, [done(1, "failed")], {}, None),
        (500, [done(30 * n, "failed") for n in range(1, 5)], {}, "4 retrainings in seven days"),
        (500, [done(170, "failed")] * 4, {}, None),
        (500, [], {"retrain": "off"}, "monitor.policy.retrain is off"),
    ],
)
def test_each_brake_holds_at_its_own_limit(num_labels, earlier, changed, expected):
    """A failed retraining does not start a cool-down, as it taught nothing, but it counts for the week."""
    settings = Monitor.model_validate({"labels": "labels.csv", "policy": changed})

    why = brakes.withheld(settings, Task.TABULAR_REGRESSION, num_labels, earlier, 0.0)

    assert (why is None) if expected is None else why.startswith(expected)


def test_a_forecast_is_retrained_by_its_own_series():
    """Labels of requests are not rows of a series."""
    assert "append them to data.source" in brakes.withheld(Monitor(), Task.FORECASTING, 1000, [], 0.0)


def test_a_retraining_that_fails_again_and_again_counts_for_the_week_each_time(tmp_path):
    """The same labels are the same retraining, and each start of it costs a training run."""
    state = MonitorState(tmp_path)
    for hour in range(4):
        state.start_retraining("m", "k", version=1, folder="", num_labelled=500, now_s=hour * HOUR_S)
        state.end_retraining("m", "k", outcome="failed", why="", version=1, now_s=hour * HOUR_S)
    settings = Monitor.model_validate({"labels": "labels.csv", "policy": {"max_per_week": 4, "max_per_day": 9}})

    why = brakes.withheld(settings, Task.TABULAR_REGRESSION, 500, state.retrainings("m"), 5 * HOUR_S)

    assert why.startswith("4 retrainings in seven days")
