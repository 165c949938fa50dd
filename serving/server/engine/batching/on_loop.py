"""Runs requests on the event loop that they came to, where that can hold up nobody.

A thread that is woken for 50 µs of work costs more than the work: handing over the interpreter's lock takes longer. So
what comes from an event loop is run on that loop, where nothing but the number of rows decides how long the graph
takes, and as many rows were quick before. It is run as soon as the loop has nothing else to do: gRPC brings requests
one by one, many turns of the loop apart, and each would be a batch of its own (1,600 a second in place of 3,700).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable

from serving.server.engine.batching.scheduler import Task

QUICK_S = 0.0005
"""Runs up to this long may hold up an event loop."""
QUIET_TURN_S, NUM_QUIET_TURNS = 20e-6, 16
"""A turn of the loop this short had nothing to do; after so many of them in a row nothing more is coming."""
LONGEST_WAIT_S, MOST_TOGETHER = 0.004, 64
"""Time, and requests, after which what came is run though the loop is not quiet."""


class Coming:
    """What came to an event loop and waits until the loop is quiet. Used by the loop's thread only."""

    def __init__(self, run: Callable[[list[tuple[Task, Hashable]]], None]):
        """Hand what came, in its order, to `run`, which is called on the loop."""
        self._run = run
        self._tasks: list[tuple[Task, Hashable]] = []
        self._began = self._turned = 0.0
        self._num_quiet = 0

    def add(self, loop: asyncio.AbstractEventLoop, task: Task, key: Hashable) -> None:
        """Take a request that came to the running loop."""
        if not self._tasks:
            self._began = self._turned = time.perf_counter()
            self._num_quiet = 0
            loop.call_soon(self._turn, loop)
        self._tasks.append((task, key))

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait on as long as the loop has other work, which may bring more requests."""
        now = time.perf_counter()
        self._num_quiet = self._num_quiet + 1 if now - self._turned < QUIET_TURN_S else 0
        is_over = now - self._began >= LONGEST_WAIT_S or len(self._tasks) >= MOST_TOGETHER
        if is_over or self._num_quiet >= NUM_QUIET_TURNS:
            tasks, self._tasks = self._tasks, []
            self._run(tasks)
        else:
            self._turned = now
            loop.call_soon(self._turn, loop)


class Durations:
    """How long runs usually take, by the number of rows to a power of two; what was never run may take any time."""

    def __init__(self) -> None:
        self._usual_s: dict[int, float] = {}

    def add(self, num_rows: int, took_s: float) -> None:
        """Count a run; one quick run says more than one that had to wait for a processor."""
        size = num_rows.bit_length()
        usual_s = self._usual_s.get(size, took_s)
        self._usual_s[size] = min(took_s, 0.8 * usual_s + 0.2 * took_s)

    def is_quick(self, num_rows: int) -> bool:
        """Whether as many rows take at most `QUICK_S`."""
        usual_s = self._usual_s.get(num_rows.bit_length())
        return usual_s is not None and usual_s <= QUICK_S


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop of the calling thread, where one is running."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
