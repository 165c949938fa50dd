"""Sends the requests of a plan from several threads, and notes what became of each.

In an open loop a request's latency counts from when it was due, not from when a thread was free to send it. A tool that
waits for slow answers sends less just when the server is slow, and leaves out the waiting that users would have felt.

Source:
    Tene, "How NOT to Measure Latency": coordinated omission.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from serving.client.failures import Failure
from serving.load.plan import Plan, arrivals

NOT_SENT = "NOT_SENT"


class Sample(NamedTuple):
    """What became of one request.

    Attributes:
        due_s: When it was due, in seconds from the start.
        sent_s: When it was sent.
        ended_s: When it was answered, or failed.
        failure: The kind of failure; empty where it was answered.
    """

    due_s: float
    sent_s: float
    ended_s: float
    failure: str = ""


@dataclass(frozen=True)
class Measured:
    """All requests of a measurement.

    Attributes:
        plan: How the server was loaded.
        samples: What became of the requests that were due after the warm-up, by the time they were due.
        own_cpu: Processor time of this process for each second of the measurement; close to 1 it measures itself.
    """

    plan: Plan
    samples: list[Sample]
    own_cpu: float


def measure(send: Callable[[int, float], None], plan: Plan) -> Measured:
    """Load a server.

    Args:
        send: Sends request k, k = 0, 1, …, within so many seconds and returns when it is answered; raises `Failure`.
        plan: How the server is loaded.
    """
    work = _Work(send, plan)
    busy_s, started = time.process_time(), time.perf_counter()
    threads = [threading.Thread(target=work.run, daemon=True) for _ in range(plan.num_clients)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)  # in slices, so that Ctrl-C is heard
    finally:
        work.stopped = True
    own_cpu = (time.process_time() - busy_s) / (time.perf_counter() - started)
    if work.broken is not None:
        raise work.broken
    return Measured(plan, sorted(s for s in work.samples if s.due_s >= plan.warm_up_s), own_cpu)


class _Work:
    """What the threads share."""

    def __init__(self, send: Callable[[int, float], None], plan: Plan):
        self.samples: list[Sample] = []
        self.stopped = False
        self.broken: BaseException | None = None
        self._send, self._plan = send, plan
        self._lock = threading.Lock()
        self._due: Iterator[tuple[int, float | None]] = (
            zip(itertools.count(), itertools.repeat(None)) if plan.rate is None else enumerate(arrivals(plan).tolist())
        )
        self._start = time.perf_counter()

    def run(self) -> None:
        """Send requests until none is left."""
        try:
            while not self.stopped:
                with self._lock:
                    number, due_s = next(self._due, (-1, None))
                if number < 0 or (due_s is None and self._now() >= self._plan.end_s):
                    return
                self.samples.append(self._one(number, due_s))
        except BaseException as error:
            self.broken, self.stopped = error, True

    def _one(self, number: int, due_s: float | None) -> Sample:
        if due_s is None:
            due_s = self._now()
        elif (early_s := due_s - self._now()) > 0:
            time.sleep(early_s)
        sent_s = self._now()
        within_s = due_s + self._plan.timeout_s - sent_s
        if within_s <= 0:
            return Sample(due_s, sent_s, sent_s, NOT_SENT)
        try:
            self._send(number, within_s)
        except Failure as failure:
            return Sample(due_s, sent_s, self._now(), failure.kind)
        return Sample(due_s, sent_s, self._now())

    def _now(self) -> float:
        return time.perf_counter() - self._start
