"""Brakes by day, hours and time of the day; the others are in `test_policy.py`."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from estafet.runfile.monitor import Monitor
from estafet.runfile.tasks import Task
from monitoring.incidents import brakes
from monitoring.incidents.state import RetrainingRecord

HOUR_S = 3600


def settings(**policy):
    return Monitor.model_validate({"labels": "l.csv", "policy": {"cooldown_hours": 0, **policy}})


def run(started_h, ended_h, outcome="failed"):
    return RetrainingRecord("k", 1, (started_h * HOUR_S,), ended_h * HOUR_S, outcome, "")


def why(settings, earlier=(), now_s=0.0):
    return brakes.withheld(settings, Task.TABULAR_REGRESSION, 500, earlier, now_s)


def test_two_a_day_are_enough():
    assert why(settings(), [run(-1, -1), run(-23, -23)]).startswith("2 retrainings in 24 hours")
    assert why(settings(), [run(-1, -1), run(-25, -25)]) is None


def test_a_budget_counts_the_hours_of_seven_days():
    earlier = [run(-30, -27), run(-60, -58), run(-200, -170)]

    assert why(settings(budget_hours=5), earlier).startswith("retrainings took 5.0 h in seven days")
    assert why(settings(budget_hours=5.1), earlier) is None


@pytest.mark.parametrize(
    ("quiet", "zone", "utc", "is_quiet"),
    [
        ("22:00-06:00", "UTC", "21:59", False),
        ("22:00-06:00", "UTC", "22:00", True),
        ("22:00-06:00", "UTC", "05:59", True),
        ("22:00-06:00", "UTC", "06:00", False),
        ("09:00-17:00", "UTC", "12:00", True),
        ("09:00-17:00", "UTC", "17:00", False),
        ("09:00-17:00", "Asia/Jakarta", "01:59", False),  # 08:59 there
        ("09:00-17:00", "Asia/Jakarta", "02:00", True),
    ],
)
def test_in_quiet_hours_nothing_starts(quiet, zone, utc, is_quiet):
    now_s = datetime.fromisoformat(f"2026-06-01T{utc}").replace(tzinfo=UTC).timestamp()

    found = why(settings(quiet_hours=quiet, timezone=zone), now_s=now_s)

    assert (found is not None) == is_quiet


def test_a_cool_down_stops_doubling_after_five_times():
    useless = [run(0, 0, "kept")] * 9

    assert brakes.cooldown_s(settings(cooldown_hours=1).policy, useless) == 32 * HOUR_S


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"votes": 4}, "votes must not exceed of_windows"),
        ({"quiet_hours": "10pm-6am"}, "of the form 22:00-06:00"),
        ({"quiet_hours": "22:00-25:00"}, "two times of the day"),
        ({"quiet_hours": "22:00-22:00"}, "begin and end at two times"),
        ({"timezone": "Mars/Olympus"}, "no time zone 'Mars/Olympus'"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(policy, message):
    with pytest.raises(ValueError, match=message):
        settings(**policy)


@pytest.mark.parametrize(
    ("receiver", "message"),
    [
        ({"to": "slack"}, "needs either url or url_env"),
        ({"to": "slack", "url": "https://a", "url_env": "A"}, "needs either url or url_env"),
        ({"to": "slack", "url": "ftp://a"}, "must start with http"),
        ({"to": "webhook", "url": "https://a"}, "webhook needs secret_env"),
        ({"to": "slack", "url": "https://a", "secret_env": "A"}, "takes no secret_env"),
        ({"to": "webhook", "url": "https://a", "secret_env": "s3cr3t value"}, "match pattern"),
        ({"to": "file"}, "a file needs path"),
        ({"to": "pager", "url": "https://a"}, "Input should be"),
    ],
)
def test_a_receiver_that_cannot_be_reached_is_refused(receiver, message):
    with pytest.raises(ValueError, match=message):
        Monitor.model_validate({"alerts": [receiver]})
