"""Asking again: only what may pass, after a growing random wait, and never beyond the deadline."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from serving.client.failures import Failure

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Retries:
    """How often a request is sent again, and after which waits.

    Wait k (from 0) is drawn evenly from 0 to min(`most_s`, `first_s` · 2^k) seconds, so that clients that failed
    together do not come back together; never less than the server's `Retry-After`.

    Attributes:
        most: Number of further tries; 0 asks once.
        first_s: Upper bound of the first wait, in seconds.
        most_s: Upper bound of any wait, in seconds.

    Source:
        Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: "full jitter".
    """

    most: int = 3
    first_s: float = 0.1
    most_s: float = 5.0

    def wait_s(self, num_failed: int, failure: Failure, draw: Callable[[], float] = random.random) -> float:
        """Return the seconds to wait after `num_failed` (≥ 1) tries; `draw` gives numbers from 0 to 1."""
        bound = min(self.most_s, self.first_s * 2 ** min(num_failed - 1, 60))
        return max(failure.retry_after_s, draw() * bound)


def persistently(
    send: Callable[[float], Answer],
    retries: Retries,
    deadline: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Answer:
    """Send a request until it is answered, or cannot be.

    Args:
        send: Sends it once; takes the seconds that remain.
        retries: How often, and after which waits.
        deadline: When to give up, by `clock`.
        sleep: Waits.
        clock: Tells the time, in seconds.

    Raises:
        Failure: The last try's, where it is final, the tries are used up, or the wait would pass the deadline.
    """
    num_failed = 0
    while True:
        try:
            return send(max(0.001, deadline - clock()))
        except Failure as failure:
            num_failed += 1
            wait_s = retries.wait_s(num_failed, failure)
            if not failure.may_pass or num_failed > retries.most or clock() + wait_s >= deadline:
                raise
        sleep(wait_s)
