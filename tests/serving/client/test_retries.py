"""Waits between tries, with a clock that the test turns."""

from __future__ import annotations

import pytest

from serving.client.failures import Failure
from serving.client.rest import _seconds
from serving.client.retries import Retries, persistently


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self):
        self.now, self.slept = 0.0, []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def failing(num, failure):
    left = [failure] * num

    def send(within_s):
        if left:
            raise left.pop()
        return within_s

    return send


@pytest.mark.parametrize(("num_failed", "wait_s"), [(1, 0.05), (2, 0.1), (3, 0.2), (6, 0.5), (5000, 0.5)])
def test_a_wait_doubles_up_to_a_bound(num_failed, wait_s):
    """Half of the bound, where the draw is 0.5: 0.1 · 2^(n − 1), at most 1."""
    retries = Retries(first_s=0.1, most_s=1)

    assert retries.wait_s(num_failed, Failure("UNAVAILABLE", ""), lambda: 0.5) == pytest.approx(wait_s)


def test_the_servers_own_wait_is_kept():
    failure = Failure("UNAVAILABLE", "", retry_after_s=2)

    assert Retries(first_s=0.1).wait_s(1, failure) == 2


def test_a_later_try_has_only_the_seconds_that_remain():
    clock = Clock()
    failure = Failure("UNAVAILABLE", "", retry_after_s=3)

    within_s = persistently(failing(2, failure), Retries(), 10, sleep=clock.sleep, clock=lambda: clock.now)

    assert (within_s, clock.slept) == (4, [3, 3])


def test_no_wait_passes_the_deadline():
    clock = Clock()
    failure = Failure("UNAVAILABLE", "", retry_after_s=3)

    with pytest.raises(Failure):
        persistently(failing(9, failure), Retries(most=9), 5.9, sleep=clock.sleep, clock=lambda: clock.now)

    assert clock.slept == [3]


@pytest.mark.parametrize("text", ["", "soon", "-1"])
def test_a_retry_after_that_says_nothing_is_no_wait(text):
    assert _seconds(text) == 0


def test_a_retry_after_is_seconds_or_a_date():
    assert _seconds("17") == 17
    assert _seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert _seconds("Wed, 21 Oct 2499 07:28:00 GMT") > 1e9
