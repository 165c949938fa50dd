"""`estafet monitor status|history` and `estafet retrain`: what they print of the memory, and what they change in it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from cli.monitor import monitor
from cli.retrain import retrain
from cli.watching.times import pause_of
from estafet.errors import ConfigError
from estafet.runfile.monitor import Monitor
from monitoring.detection.drift import Check
from monitoring.incidents import policy
from monitoring.incidents.policy import Judgement, Telling
from monitoring.incidents.state import JudgedWindow, MonitorState

RUN_FILE = """
name: toy
task: tabular_regression
workspace: work
data: {source: data.csv, label: y}
"""
INCIDENT = "toy-v1-1700000000000000"


@pytest.fixture
def run_file(tmp_path) -> str:
    path = tmp_path / "toy.yaml"
    path.write_text(RUN_FILE)
    return str(path)


@pytest.fixture
def state(tmp_path) -> MonitorState:
    """One window that drifts so far that it opens an incident, of which the webhook was not told yet."""
    made = MonitorState(tmp_path / "work" / "monitor" / "toy")
    window = JudgedWindow(1_699_990_000_000_000, 1_700_000_000_000_000, 1200, "drift", 0.62)
    found = [Check("[bold]age", "ks", 1e-9, 0.62, 0.1)]
    telling = Telling(("notify.webhook",))
    policy.record(made, Judgement("toy", 1, window, found, None), Monitor(), telling, now_s=1_700_000_000.0)
    made.note_delivery(f"{INCIDENT}-opened", "notify.webhook", error="HTTP 500", now_s=1_700_000_000.0)
    return made


def output(command, *arguments):
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_status_tells_the_incident_its_windows_and_what_waits(run_file, state):
    incident = state.open_incident("toy")
    policy.note_withheld(state, "toy", incident, "no labels: monitor.labels names no file", now_s=1_700_000_001.0)

    told = output(monitor, "status", run_file)

    assert f"incident {INCIDENT}, open since" in told
    assert "[bold]age: distribution 0.62" in told
    assert "no retraining starts: no labels: monitor.labels names no file" in told
    assert "1 alerts wait for notify.webhook: HTTP 500" in told
    assert "1,200" in told


@pytest.mark.parametrize(
    ("command", "words"), [("status", "no check of 'toy' was made yet"), ("history", "nothing was")]
)
def test_before_the_first_check_the_next_step_is_told_and_nothing_is_made(run_file, tmp_path, command, words):
    assert words in output(monitor, command, run_file)
    assert not (tmp_path / "work").exists()


def test_history_lists_decisions_in_their_order(run_file, state):
    output(retrain, "approve", run_file, INCIDENT, "--by", "ada")

    lines = output(monitor, "history", run_file).splitlines()
    objects = [json.loads(line) for line in output(monitor, "history", run_file, "--json").splitlines()]

    assert [line.split()[3] for line in lines] == ["window.judged", "incident.opened", "retraining.approved"]
    assert "1,200 requests, drift: [bold]age ks 0.62" in lines[0]
    assert objects[2] == {
        "number": 3, "at_s": objects[2]["at_s"], "actor": "ada", "event": "retraining.approved",
        "evidence": {"incident": INCIDENT, "model": "toy"},
    }  # fmt: skip


@pytest.mark.parametrize(("decision", "kept"), [("approve", "approved"), ("reject", "rejected")])
def test_a_decision_is_kept_with_who_made_it(run_file, state, decision, kept):
    output(retrain, decision, run_file, INCIDENT, "--by", "ada")

    assert state.decision(INCIDENT) == (kept, "ada")
    assert f"ada has {kept} its retraining" in output(monitor, "status", run_file)


def test_only_an_open_incident_can_be_decided_about(run_file, state):
    with pytest.raises(ConfigError, match=f"no open incident 'other' of 'toy': incident {INCIDENT} is open"):
        output(retrain, "approve", run_file, "other")
    assert state.decision("other") is None


def test_retrainings_are_listed_with_what_came_of_them(run_file, state):
    state.start_retraining("toy", "abc", version=1, folder="f", num_labelled=5, now_s=1_700_000_000.0)
    state.end_retraining("toy", "abc", outcome="kept", why="w", version=1, now_s=1_700_000_060.0)

    assert "after version 1: kept" in output(retrain, "list", run_file)


def test_metrics_are_in_prometheus_form_with_the_names_escaped(run_file, tmp_path):
    made = MonitorState(tmp_path / "work" / "monitor" / "toy")
    name = 'a"b\\c\n\x00d'
    window = JudgedWindow(1, 2_000_000, 1200, "drift", 0.62)
    found = [Check(name, "ks", 1e-9, 0.62, 0.1), Check(name, "out_of_range", 1e-9, 0.7, 0.1)]
    judged = Judgement("toy", 3, window, found, None)
    policy.record(made, judged, Monitor(), Telling(("slack SLACK",)), now_s=5.0)

    lines = output(monitor, "status", run_file, "--prometheus").splitlines()

    for line in (
        "# TYPE estafet_drift_effect gauge",
        'estafet_drift_effect{column="a\\"b\\\\c??d",model="toy",version="3"} 0.7',
        'estafet_drift_incident_open{model="toy"} 1',
        'estafet_drift_alerts_waiting{model="toy",receiver="slack SLACK"} 1',
        'estafet_drift_windows_total{model="toy",verdict="drift"} 1',
        'estafet_drift_last_window_timestamp_seconds{model="toy"} 5.0',
    ):
        assert line in lines


def test_a_watch_checks_and_writes_metrics_whatever_becomes_of_the_check(run_file, state, tmp_path):
    """Nothing is served in this workspace, so each check ends with an error."""
    result = CliRunner().invoke(
        monitor, ["watch", run_file, "--every", "1s", "--checks", "1", "--metrics-file", str(tmp_path / "m.prom")]
    )

    assert result.exit_code == 0, result.output
    assert "the check ended with status" in result.output
    assert 'estafet_drift_incident_open{model="toy"} 1' in (tmp_path / "m.prom").read_text()


def test_a_backtest_prints_its_windows_and_their_sum(run_file, monkeypatch):
    from datetime import UTC, datetime

    from monitoring.replay.backtest import Replayed

    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    asked = {}

    def replay(settings, versions, requests_dir, labels, **times):
        asked.update(times, votes=settings.policy.votes)
        return [
            Replayed(at, 1, 900, "drift", 0.2, "age: distribution 0.20", False, False, False),
            Replayed(at, 1, 800, "drift", 0.3, "[b]age: distribution 0.30", True, False, False, "no labels: none"),
        ]

    monkeypatch.setattr("monitoring.replay.backtest.backtest", replay)
    told = output(
        monitor, "backtest", run_file, "--since", "2026-01-01T00:00+00:00", "--until", "2026-01-02T00:00+00:00",
        "--every", "90m", "--set", "monitor.policy.votes=1",
    )  # fmt: skip

    assert asked == {
        "since": datetime(2026, 1, 1, tzinfo=UTC), "until": datetime(2026, 1, 2, tzinfo=UTC),
        "every": pause_of("1.5h"), "votes": 1,
    }  # fmt: skip
    assert "incident: [b]age" in told
    assert "2 windows, 2 with findings, 1 incidents, 0 retrainings" in told


@pytest.mark.parametrize("text", ["", "5", "h", "-1h", "0m", "1 week"])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(ConfigError, match="no length of time"):
        pause_of(text)


def test_a_proposal_says_what_it_leaves_and_how_to_try_it(run_file, monkeypatch):
    from datetime import UTC, datetime

    from monitoring.replay.backtest import Replayed

    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    past = [Replayed(at, 1, 900, "drift" if e else "ok", e, "", False, False, False) for e in (0.2, *[0.0] * 99)]
    monkeypatch.setattr("monitoring.replay.backtest.backtest", lambda *_, **__: past)

    told = output(monitor, "tune-policy", run_file, "--since", "10d", "--rate", "0.01")

    assert "1 of 100 stable windows have findings" in told
    assert "monitor.detect.min_effect: 0.09 leaves 1" in told
    assert "--set monitor.detect.min_effect=0.09`" in told
