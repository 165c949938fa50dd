"""The proposal leaves as many alarms as were wished for, and no more."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from estafet.errors import DataError
from monitoring.replay.backtest import Replayed
from monitoring.replay.tuning import propose

AT = datetime(2026, 1, 1, tzinfo=UTC)


def windows(*effects):
    return [Replayed(AT, 1, 1000, "drift" if e else "ok", e, "", False, False, False) for e in effects]


def test_the_largest_effects_that_may_remain_remain():
    """Of 40 windows 5 % are two: the third largest effect, 0.181, must not count any more."""
    found = propose(windows(0.30, 0.25, 0.181, 0.12, *[0.0] * 36), 0.05)

    assert (found.min_effect, found.num_windows, found.num_alarms, found.num_left) == (0.185, 40, 4, 2)


def test_without_alarms_the_default_stays():
    assert propose(windows(*[0.0] * 40), 0.05).min_effect == 0.09


def test_an_effect_on_a_step_does_not_count_by_the_proposal():
    found = propose(windows(0.15, *[0.0] * 39), 0.0)

    assert found.min_effect == pytest.approx(0.155)
    assert found.num_left == 0


@pytest.mark.parametrize(("count", "rate"), [(19, 0.1), (99, 0.01), (0, 0.5)])
def test_too_short_a_past_is_refused(count, rate):
    with pytest.raises(DataError, match=f"{count} windows were judged"):
        propose(windows(*[0.0] * count), rate)
