"""Each kind of receiver gets an event in its own form, with what a person needs and nothing that calls a channel."""

from __future__ import annotations

import json

import pytest

from estafet.errors import ConfigError, ServiceUnavailable
from estafet.runfile.monitor import Receiver
from monitoring.alerting import signature
from monitoring.alerting.events import CLOSED, OPENED, RETRAIN_REQUESTED, cloud_event, in_words
from monitoring.alerting.receivers import alertmanager_alert, slack_message, targets_of

NOW_S = 1_700_000_000.0


def finding(column="age", effect=0.42):
    return {"column": column, "check": "ks", "p": 1e-9, "effect": effect}


def opened(findings=(finding(),), **more):
    data = {"incident": "m-v3-1", "version": 3, "since": "2026-11-30T10:00:00+00:00", "report": "/r/report.html"}
    return cloud_event(OPENED, "m-v3-1-opened", "m", {**data, "findings": list(findings), **more}, NOW_S)


def target(to, environment=None, **about):
    (found,) = targets_of([Receiver(to=to, **about)], None, environment or {})
    return found


def test_cloud_events_come_whole(listener):
    target("cloudevents", url=f"{listener.url}/hook").send(opened(), NOW_S)

    ((path, headers, body),) = listener.posts
    assert path == "/hook"
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert json.loads(body) == opened()


def test_a_plain_webhook_is_signed_and_carries_the_events_own_id(listener):
    target("webhook", {"KEY": "s3cret"}, url=listener.url, secret_env="KEY").send(opened(), NOW_S)

    ((_, headers, body),) = listener.posts
    assert headers["webhook-id"] == "m-v3-1-opened"
    assert signature.problem_of("s3cret", headers, body, NOW_S) == ""
    assert json.loads(body)["data"]["findings"][0]["column"] == "age"


def test_slack_is_told_which_column_how_far_since_when_and_where_to_look(listener):
    target("slack", {"SLACK": listener.url}, url_env="SLACK").send(opened(), NOW_S)

    text = json.loads(listener.posts[0][2])["text"]
    for part in ("m v3", "age: ks 0.42", "2026-11-30T10:00:00", "/r/report.html"):
        assert part in text


def test_a_name_from_the_data_calls_no_channel_and_makes_no_link():
    text = slack_message(opened([finding("<!channel> & <http://evil|x>\x00\n\ud800")]))["text"]

    assert "<" not in text
    assert "&lt;!channel&gt; &amp; " in text
    assert "\x00" not in text
    text.encode("utf-8")


def test_alertmanager_gets_the_same_labels_when_it_opens_and_when_it_closes(listener):
    closed = cloud_event(CLOSED, "x", "m", {"incident": "m-v3-1", "version": 3, "why": "clean"}, NOW_S + 60)
    manager = target("alertmanager", url=f"{listener.url}/")
    for event in (opened(), closed):
        manager.send(event, NOW_S)

    (first, second) = [json.loads(body)[0] for _, _, body in listener.posts]
    assert [path for path, _, _ in listener.posts] == ["/api/v2/alerts"] * 2
    assert first["labels"] == second["labels"]
    assert first["labels"] == {"alertname": "EstafetModelDrift", "model": "m", "version": "3", "severity": "warning"}
    assert (first["startsAt"], second["endsAt"]) == ("2023-11-14T22:13:20Z", "2023-11-14T22:14:20Z")
    assert first["endsAt"] > second["endsAt"], "or it would resolve itself after five minutes"
    assert "age: ks 0.42" in first["annotations"]["summary"]


def test_alertmanager_hears_of_incidents_only(listener):
    asked = cloud_event(RETRAIN_REQUESTED, "x", "m", {"incident": "i", "version": 3, "why": "drift"}, NOW_S)

    target("alertmanager", url=listener.url).send(asked, NOW_S)

    assert alertmanager_alert(asked) is None
    assert listener.posts == []


def test_a_file_gets_a_line_for_each_event(tmp_path):
    receiver = target("file", path=str(tmp_path / "new" / "alerts.jsonl"))
    receiver.send(opened(), NOW_S)
    receiver.send(opened(version=4), NOW_S)

    lines = (tmp_path / "new" / "alerts.jsonl").read_text().splitlines()
    assert [json.loads(line)["data"]["version"] for line in lines] == [3, 4]


def test_a_file_that_cannot_be_written_waits(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(ServiceUnavailable, match="cannot be written"):
        target("file", path=str(tmp_path / "file" / "alerts.jsonl")).send(opened(), NOW_S)


def test_a_redirect_is_refused_and_not_followed(listener):
    """It could lead to an address that only this machine can reach."""
    listener.status, listener.location = 302, f"{listener.url}/inner"

    with pytest.raises(ServiceUnavailable, match="HTTP 302"):
        target("cloudevents", url=f"{listener.url}/hook").send(opened(), NOW_S)
    assert [path for path, _, _ in listener.posts] == ["/hook"]


def test_a_variable_that_is_not_set_is_named():
    with pytest.raises(ConfigError, match="variable SLACK_URL, which is not set"):
        target("slack", url_env="SLACK_URL")


def test_no_key_of_a_receiver_holds_a_secret():
    receivers = [Receiver(to="slack", url_env="SLACK"), Receiver(to="webhook", url="https://a.b", secret_env="KEY")]

    found = targets_of(receivers, "https://hook/secret", {"SLACK": "https://slack/secret", "KEY": "secret"})

    assert [one.key for one in found] == ["notify.webhook", "slack SLACK", "webhook https://a.b"]


def test_many_findings_are_told_in_part():
    told = in_words(opened([finding(f"c{number}") for number in range(9)]))

    assert told.endswith("c4: ks 0.42 and 4 more")
