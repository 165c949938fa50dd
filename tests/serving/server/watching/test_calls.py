"""What is counted of calls."""

from __future__ import annotations

from serving.server.watching import calls


def test_no_more_calls_are_let_in_than_may_be():
    in_flight = calls.InFlight(2)

    assert [in_flight.enter() for _ in range(3)] == [True, True, False]
    in_flight.leave()
    assert in_flight.enter()


def test_names_that_nobody_serves_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(calls, "_known", set())

    shown = {calls.shown_name(f"made-up-{number}") for number in range(calls.MAX_NAMES + 100)}

    assert len(shown) == calls.MAX_NAMES + 1
    assert "(other)" in shown
