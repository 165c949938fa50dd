"""The past judged again: the same windows, incidents and brakes, and nothing of it is remembered."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from estafet.errors import DataError
from estafet.versions import find_versions
from monitoring.replay.backtest import backtest
from monitoring.testing import MODEL, NOW, World, table_rows

DAY = timedelta(days=1)


@pytest.fixture
def world(tmp_path):
    """Five days of requests: the third and the fourth drift."""
    rng, made = np.random.default_rng(0), World(tmp_path)
    made.serve(table_rows(rng, 4000))
    for day, shift in enumerate((0.0, 0.0, 0.6, 0.6, 0.0)):
        made.log(table_rows(rng, 600, shift=shift), ended=NOW + day * DAY - timedelta(hours=12))
    return made


def replay(world, known_labels=(), **changed):
    return backtest(
        world.settings(**changed),
        find_versions(world.models_dir / MODEL),
        world.requests_dir,
        dict.fromkeys(known_labels, "yes"),
        since=NOW - DAY,
        until=NOW + 4 * DAY,
        every=DAY,
    )


def test_each_day_is_judged_once_and_two_votes_open_the_incident(world):
    found = replay(world)

    assert [each.at for each in found] == [NOW + day * DAY for day in range(5)]
    assert [each.num_rows for each in found] == [600] * 5
    assert [each.status for each in found] == ["ok", "ok", "drift", "drift", "ok"]
    assert [each.opened for each in found] == [False, False, False, True, False]
    assert found[3].withheld == "no labels: monitor.labels names no file"


def test_another_policy_brings_something_else(world):
    found = replay(world, policy={"votes": 1, "clean_windows": 1})

    assert [each.opened for each in found] == [False, False, True, False, False]
    assert [each.closed for each in found] == [False, False, False, False, True]


def test_retrainings_are_counted_with_their_brakes(world):
    settings = {"labels": "l.csv", "policy": {"votes": 1, "cooldown_hours": 30}}

    found = replay(world, known_labels=[str(number) for number in range(500)], **settings)

    assert [each.retrains for each in found] == [False, False, True, False, False]
    assert found[3].withheld.startswith("the last retraining is too recent: 36.0 of 60 h")


def test_nothing_is_remembered_where_the_real_checks_remember(world):
    replay(world)

    assert not world.state_dir.exists()


def test_a_time_without_requests_is_an_error_that_says_so(world):
    with pytest.raises(DataError, match="no request to a version"):
        backtest(
            world.settings(), find_versions(world.models_dir / MODEL), world.requests_dir, {},
            since=NOW - 9 * DAY, until=NOW - 8 * DAY, every=DAY,
        )  # fmt: skip
