"""What is counted of each call: TensorFlow Serving's own metrics, and ours."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from serving.server.status import Code
from serving.server.watching.metrics import REGISTRY, Counter, Gauge, Histogram, exponential

MICROSECONDS = exponential(10, 1.8, 33)

REQUESTS = REGISTRY.add(Counter("/tensorflow/serving/request_count", "model_name", "status"))
LATENCY = REGISTRY.add(
    Histogram("/tensorflow/serving/request_latency", MICROSECONDS, "model_name", "API", "entrypoint")
)
RUNTIME = REGISTRY.add(Histogram("/tensorflow/serving/runtime_latency", MICROSECONDS, "model_name", "API", "runtime"))
EXAMPLE_COUNTS = REGISTRY.add(Histogram("/tensorflow/serving/request_example_counts", exponential(1, 2, 20), "model"))
EXAMPLES = REGISTRY.add(Counter("/tensorflow/serving/request_example_count_total", "model"))
REFUSED = REGISTRY.add(Counter("estafet_refused_requests", "reason"))
RUNTIME_KIND = "TF1"
MAX_NAMES = 1000
_known: set[str] = set()


class InFlight:
    """Counts the calls that are being answered, and knows when there are too many.

    Attributes:
        count: How many there are now.
        most: How many there may be.
    """

    def __init__(self, most: int):
        """Let at most `most` calls in."""
        self.count, self.most = 0, most
        REGISTRY.add(Gauge("estafet_requests_in_flight", lambda: {(): self.count}))

    def enter(self) -> bool:
        """Count one more, or return False where there are as many as there may be."""
        if self.count >= self.most:
            REFUSED.add("too_many")
            return False
        self.count += 1
        return True

    def leave(self) -> None:
        """Count one less."""
        self.count -= 1


def shown_name(name: str) -> str:
    """Return a model's name as a label; names that nobody serves must not fill the memory."""
    if name in _known:
        return name
    if len(_known) >= MAX_NAMES or len(name) > 200:
        return "(other)"
    _known.add(name)
    return name


def ended(name: str, code: Code) -> None:
    """Count a call that ended with a code."""
    REQUESTS.add(shown_name(name), code.name)


def answered(name: str, api: str, entrypoint: str, started: float, runtime_s: float | None = None) -> None:
    """Record how long a call took that succeeded.

    Args:
        name: The model's name.
        api: `Predict`, `Classify`, `Regress` for gRPC; the path's verb for REST, or "" for calls without one.
        entrypoint: GRPC or REST.
        started: When it came in, by `time.perf_counter`.
        runtime_s: Seconds that the model took, where it ran.
    """
    model = shown_name(name)
    LATENCY.observe((time.perf_counter() - started) * 1e6, model, api, entrypoint)
    if runtime_s is not None:
        RUNTIME.observe(runtime_s * 1e6, model, api.capitalize(), RUNTIME_KIND)


@contextmanager
def inside(in_flight: InFlight) -> Iterator[bool]:
    """Count a call while it is answered; gives False where it must be refused."""
    entered = in_flight.enter()
    try:
        yield entered
    finally:
        if entered:
            in_flight.leave()
