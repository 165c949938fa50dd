"""How a server is loaded, and when each request is due."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_ARRIVALS = 10_000_000


@dataclass(frozen=True)
class Plan:
    """How a server is loaded.

    Attributes:
        num_clients: Requests that are under way at a time, at most.
        rate: Requests a second, at random times (open loop); without it each client asks again as soon as it was
            answered (closed loop).
        duration_s: Seconds that are measured.
        warm_up_s: Seconds before, which are not.
        timeout_s: Seconds after which a request has failed.
        seed: What the random times come from.
    """

    num_clients: int = 16
    rate: float | None = None
    duration_s: float = 10.0
    warm_up_s: float = 2.0
    timeout_s: float = 10.0
    seed: int = 7

    @property
    def end_s(self) -> float:
        """When the last request is due, in seconds from the start."""
        return self.warm_up_s + self.duration_s


def arrivals(plan: Plan) -> np.ndarray:
    """Return when each request of an open loop is due: a Poisson process, as of many independent users.

    Returns:
        Rising seconds from the start, below the plan's end.
    """
    generator = np.random.default_rng(plan.seed)
    expected = plan.rate * plan.end_s
    times = np.empty(0)
    while not times.size or times[-1] < plan.end_s:
        num = min(int(expected + 6 * expected**0.5) + 10, MAX_ARRIVALS)
        more = np.cumsum(generator.exponential(1 / plan.rate, num))
        times = np.concatenate([times, more + (times[-1] if times.size else 0.0)])
    return times[times < plan.end_s]
