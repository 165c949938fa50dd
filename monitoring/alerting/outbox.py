"""Delivers what waits: each event to each receiver once, and again at a later check where it was not taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from estafet.errors import ServiceUnavailable
from monitoring.alerting.receivers import Target
from monitoring.incidents.state import MonitorState

NUM_SENT_AT_ONCE = 100
PAUSE_S, LONGEST_PAUSE_S = 60, 3600


@dataclass(frozen=True)
class Delivery:
    """What a pass over the outbox came to.

    Attributes:
        num_waiting: Events that a receiver has not taken yet, counted for each receiver.
        problem: Why the first of them was not taken, if it was tried.
    """

    num_waiting: int
    problem: str | None = None


def deliver(state: MonitorState, targets: Sequence[Target], now_s: float) -> Delivery:
    """Send what waits, oldest first, at most 100 to each receiver; one that does not take an event gets no other now.

    Args:
        state: The monitor's memory.
        targets: All receivers.
        now_s: Seconds since 1970; an event that was refused waits a minute, then two, and an hour at most.
    """
    num_waiting, problem = 0, None
    for target in targets:
        waiting = state.undelivered(target.key)
        num_waiting += len(waiting)
        for one in waiting[:NUM_SENT_AT_ONCE]:
            if one.next_try_s > now_s:
                break
            try:
                target.send(one.event, now_s)
            except ServiceUnavailable as error:
                pause = pause_s(one.num_tries + 1)
                state.note_delivery(one.event_id, target.key, error=error.message, now_s=now_s, pause_s=pause)
                problem = problem or error.message
                break
            state.note_delivery(one.event_id, target.key, error=None, now_s=now_s)
            num_waiting -= 1
    return Delivery(num_waiting, problem)


def pause_s(num_tries: int) -> float:
    """Return the seconds after which an event that was refused so often is sent again: at once after the first time."""
    return 0.0 if num_tries < 2 else float(min(LONGEST_PAUSE_S, PAUSE_S * 2 ** min(num_tries - 2, 10)))
