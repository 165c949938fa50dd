"""Requests are sent when they are due, and their latency counts from then."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from serving.client.failures import Failure
from serving.load import measuring
from serving.load.measuring import measure
from serving.load.plan import Plan


@pytest.fixture
def clock(monkeypatch):
    """A clock that only sleeping and sending move; for one thread."""

    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

        def sleep(self, seconds):
            self.now += seconds

        process_time = perf_counter

    clock = Clock()
    monkeypatch.setattr(measuring, "time", clock)
    return clock


def test_latency_counts_from_when_a_request_was_due_not_from_when_it_was_sent(clock, monkeypatch):
    """Due at 1, 2, 3 and 4 s; the first takes 2.5 s and the others 0.5 s: they end at 3.5, 4.0, 4.5 and 5.0 s."""
    monkeypatch.setattr(measuring, "arrivals", lambda plan: np.array([1.0, 2.0, 3.0, 4.0]))

    measured = measure(
        lambda number, within_s: clock.sleep(0.5 if number else 2.5), Plan(1, rate=1, duration_s=5, warm_up_s=0)
    )

    assert [sample.ended_s - sample.due_s for sample in measured.samples] == [2.5, 2.0, 1.5, 1.0]
    assert [sample.sent_s for sample in measured.samples] == [1.0, 3.5, 4.0, 4.5]


def test_a_request_that_waited_too_long_is_not_sent_but_counted(clock, monkeypatch):
    monkeypatch.setattr(measuring, "arrivals", lambda plan: np.array([1.0, 2.0]))
    given = []

    def send(number, within_s):
        given.append(within_s)
        clock.sleep(6)

    measured = measure(send, Plan(1, rate=1, duration_s=5, warm_up_s=0, timeout_s=4))

    assert [sample.failure for sample in measured.samples] == ["", "NOT_SENT"]
    assert given == [4]


def test_a_client_without_a_rate_asks_again_as_soon_as_it_was_answered(clock):
    """Answers of 0.5 s for 3 s after 1 s of warm-up: due at 1.0, 1.5, … 3.5 s."""
    measured = measure(lambda number, within_s: clock.sleep(0.5), Plan(1, duration_s=3, warm_up_s=1))

    assert [sample.due_s for sample in measured.samples] == [1.0, 1.5, 2.0, 2.5, 3.0, 3.5]


def test_failures_are_noted_by_their_kind(clock):
    def send(number, within_s):
        clock.sleep(1)
        if number % 2:
            raise Failure("UNAVAILABLE", "")

    measured = measure(send, Plan(1, duration_s=4, warm_up_s=0))

    assert [sample.failure for sample in measured.samples] == ["", "UNAVAILABLE"] * 2


def test_as_many_requests_are_under_way_as_there_are_clients():
    """Each of four requests is answered only when all four are there."""
    together = threading.Barrier(4)

    def send(number, within_s):
        if number < 4:
            together.wait(20)

    measured = measure(send, Plan(4, rate=1000, duration_s=0.02, warm_up_s=0))

    assert [sample.failure for sample in measured.samples if sample.failure] == []


def test_a_mistake_in_the_sender_ends_the_measurement(clock):
    def send(number, within_s):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        measure(send, Plan(1, duration_s=1, warm_up_s=0))
