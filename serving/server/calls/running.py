"""Runs a call on a held version from the event loop; many results that arrive at once cost one wake-up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from serving.server.status import Code, StatusError

TIMED_OUT = "Timed out waiting for notification"
LOOK_S = 0.05


class Held:
    """A version that is held while a call needs it, and on until the model is done with a call that was given up."""

    def __init__(self, models: Any, name: str, *, version: int | None = None, label: str | None = None):
        """Hold a version of `models` as a context manager; see section "resolving" of the protocol for the errors."""
        self._context = models.use(name, version=version, label=label)
        self._future: Future[list[np.ndarray]] | None = None
        self.name = name

    @classmethod
    def by_spec(cls, models: Any, spec: Any) -> Held:
        """Hold what a ModelSpec names."""
        which = spec.WhichOneof("version_choice")
        version = spec.version.value if which == "version" else None
        return cls(models, spec.name, version=version, label=spec.version_label if which == "version_label" else None)

    def __enter__(self) -> Held:
        self.version = self._context.__enter__()
        self.model = self.version.model
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._future is None or self._future.done():
            self._context.__exit__(None, None, None)
        else:
            self._future.add_done_callback(lambda _: self._context.__exit__(None, None, None))

    @property
    def answer_spec(self) -> tuple[str, int]:
        """The name and the number for the answer's ModelSpec."""
        return self.name, self.version.number

    def submit(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], deadline: float | None) -> Future:
        """Hand the model's work to its threads."""
        self._future = self.model.submit(feeds, fetches, deadline=deadline)
        return self._future


class Arrivals:
    """Takes calls to the models' threads and their results back to the event loop, each as many at once as there are.

    Calls leave when the loop has looked at all that it woke up for: requests that arrive together are then run
    together, where each alone would set a thread going.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop):
        """Wake this loop, which runs in the calling thread."""
        self._loop, self._thread = loop, threading.get_ident()
        self._leaving: list[_Call] = []
        self._arrived: deque[tuple[asyncio.Future[list[np.ndarray]], Future[list[np.ndarray]]]] = deque()
        self._woken = False
        self._awaited: dict[asyncio.Future[list[np.ndarray]], float] = {}
        self._is_looking = False

    async def run(
        self,
        held: Held,
        feeds: Mapping[str, np.ndarray],
        fetches: Sequence[str],
        *,
        timeout_s: float | None = None,
    ) -> list[np.ndarray]:
        """Run a held model.

        Args:
            held: The version.
            feeds: Arrays by the graph's names.
            fetches: The graph's names of what is wanted.
            timeout_s: Seconds that it may take; it is given up within `LOOK_S` of that.

        Raises:
            StatusError: It failed, or took too long.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        waiter: asyncio.Future[list[np.ndarray]] = self._loop.create_future()
        if not self._leaving:
            self._loop.call_soon(self._leave)
        self._leaving.append(_Call(waiter, held, feeds, fetches, deadline))
        if deadline is None:
            return await waiter
        self._awaited[waiter] = deadline
        if not self._is_looking:
            self._is_looking = True
            self._loop.call_later(LOOK_S, self._look)
        try:
            return await waiter
        finally:
            del self._awaited[waiter]

    def _leave(self) -> None:
        leaving, self._leaving = self._leaving, []
        for call in leaving:
            waiter = call.waiter
            if waiter.done():
                continue
            try:
                future = call.held.submit(call.feeds, call.fetches, call.deadline)
            except Exception as error:
                waiter.set_exception(error)
            else:
                future.add_done_callback(partial(self._arrive, waiter))

    def _arrive(self, waiter: asyncio.Future[list[np.ndarray]], done: Future[list[np.ndarray]]) -> None:
        if threading.get_ident() == self._thread:
            if not waiter.done():
                _settle(waiter, done)
            return
        self._arrived.append((waiter, done))
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                self._arrived.clear()  # the loop is closed, and nobody waits any more

    def _deliver(self) -> None:
        self._woken = False  # before the queue is emptied: whoever comes later wakes the loop again
        while self._arrived:
            waiter, done = self._arrived.popleft()
            if not waiter.done():
                _settle(waiter, done)

    def _look(self) -> None:
        """Give up what is too late; one timer for all calls costs less than one for each."""
        now = time.monotonic()
        for waiter, deadline in self._awaited.items():
            if deadline <= now and not waiter.done():
                waiter.set_exception(StatusError(Code.DEADLINE_EXCEEDED, TIMED_OUT))
        self._is_looking = bool(self._awaited)
        if self._is_looking:
            self._loop.call_later(LOOK_S, self._look)


class _Call(NamedTuple):
    waiter: asyncio.Future[list[np.ndarray]]
    held: Held
    feeds: Mapping[str, np.ndarray]
    fetches: Sequence[str]
    deadline: float | None


def _settle(waiter: asyncio.Future[list[np.ndarray]], done: Future[list[np.ndarray]]) -> None:
    try:
        error = done.exception()
    except CancelledError:
        error = StatusError(Code.CANCELLED, "Run was cancelled")
    if error is None:
        waiter.set_result(done.result())
    else:
        waiter.set_exception(error)
