"""Queues of tasks, and the threads that take whole batches from them, each queue in its turn."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from serving.server.status import Code, StatusError

logger = logging.getLogger("estafet.serving")
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


@dataclass(eq=False, slots=True)
class Task:
    """One request, or a part of one.

    Attributes:
        arrays: What is fed.
        size: Number of rows.
        deadline: When its caller stops waiting, in seconds of `time.monotonic`.
        future: Gets the outputs.
    """

    arrays: Sequence[np.ndarray]
    size: int
    deadline: float | None = None
    future: Future[list[np.ndarray]] = field(default_factory=Future)

    def fail(self, error: Exception) -> None:
        """Give its caller an error."""
        if not self.future.cancelled():
            self.future.set_exception(error)

    def succeed(self, outputs: list[np.ndarray]) -> None:
        """Give its caller the outputs."""
        if not self.future.cancelled():
            self.future.set_result(outputs)


@dataclass(eq=False, slots=True)
class Batch:
    """Tasks that are run at once."""

    key: Hashable
    opened: float
    tasks: list[Task] = field(default_factory=list)
    size: int = 0
    is_closed: bool = False


class Queue:
    """Tasks that may be run together, in the order in which they came.

    Tasks with different keys are never in one batch.
    """

    def __init__(
        self,
        pool: Pool,
        process: Callable[[list[Task]], None],
        *,
        max_batch_size: int,
        timeout_s: float = 0.0,
        max_batches: int | None = None,
    ):
        """Begin with nothing in it.

        Args:
            pool: The threads.
            process: Runs a batch's tasks and resolves their futures.
            max_batch_size: Rows beyond which nothing is added to a batch.
            timeout_s: How long the first task of a batch waits for others while a thread is free.
            max_batches: Number of waiting batches beyond which tasks are refused.
        """
        self.process, self._pool = process, pool
        self.max_batch_size, self.timeout_s, self.max_batches = max_batch_size, timeout_s, max_batches
        self.batches: deque[Batch] = deque()
        self._open: dict[Hashable, Batch] = {}

    def submit(self, tasks: Sequence[Task], key: Hashable) -> None:
        """Add the parts of one request.

        Raises:
            StatusError: UNAVAILABLE, where the queue is full.
        """
        self._pool.add(self, tasks, key)

    def room(self, key: Hashable) -> int:
        """Return how many rows the batch still takes that a task with this key would join. Under the pool's lock."""
        batch = self._open.get(key)
        return 0 if batch is None else max(self.max_batch_size - batch.size, 0)

    def put(self, task: Task, key: Hashable) -> None:
        """Add a task to the batch that is open, or to a new one. Under the pool's lock.

        Raises:
            StatusError: UNAVAILABLE, where the queue is full.
        """
        batch = self._open.get(key)
        if batch is None or (batch.size + task.size > self.max_batch_size and batch.tasks):
            if self.max_batches is not None and len(self.batches) >= self.max_batches:
                raise StatusError(
                    Code.UNAVAILABLE,
                    "The batch scheduling queue to which this task was submitted is full; currently "
                    f"{len(self.batches)} batches enqueued and max_enqueued_batches is {self.max_batches}",
                )
            if batch is not None:
                batch.is_closed = True
            batch = self._open[key] = Batch(key, time.monotonic() if self.timeout_s else 0.0)
            self.batches.append(batch)
        batch.tasks.append(task)
        batch.size += task.size
        if batch.size >= self.max_batch_size:
            batch.is_closed = True
            del self._open[key]

    def take(self, now: float) -> Batch | None:
        """Take the first batch whose time has come. Under the pool's lock."""
        for batch in self.batches:
            if batch.is_closed or now - batch.opened >= self.timeout_s:
                self.batches.remove(batch)
                if self._open.get(batch.key) is batch:
                    del self._open[batch.key]
                return batch
        return None

    def next_s(self, now: float) -> float:
        """Return the seconds until a batch's time comes. Under the pool's lock."""
        return min(self.timeout_s - (now - batch.opened) for batch in self.batches)


class Pool:
    """Threads that run the batches of many queues, one queue after the other."""

    def __init__(self, num_threads: int, name: str):
        """Start `num_threads` threads called after `name`."""
        self._changed = threading.Condition(threading.Lock())
        self._waiting: deque[Queue] = deque()
        self._num_idle = 0
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(num_threads)
        ]
        for thread in self._threads:
            thread.start()
        _pools.add(self)

    def add(self, queue: Queue, tasks: Sequence[Task], key: Hashable) -> None:
        """Add tasks to a queue; see `Queue.submit`."""
        with self._changed:
            if self._is_closed:
                raise StatusError(Code.UNAVAILABLE, "The model is being unloaded")
            was_empty = not queue.batches
            for task in tasks:
                queue.put(task, key)
            if was_empty:
                self._waiting.append(queue)
            if self._num_idle:
                self._changed.notify()

    def locked(self) -> threading.Condition:
        """Return the lock of all queues."""
        return self._changed

    def close(self) -> None:
        """Run what is queued, and end the threads."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                found = self._next()
            if found is None:
                return
            queue, batch = found
            try:
                queue.process(batch.tasks)
            except Exception as error:
                logger.exception("a batch failed in the server")
                for task in batch.tasks:
                    if not task.future.done():
                        task.fail(StatusError(Code.INTERNAL, f"{type(error).__name__}: {error}"))
            del found, queue, batch  # nothing keeps a model that is gone

    def _next(self) -> tuple[Queue, Batch] | None:
        while True:
            now = time.monotonic()
            for _ in range(len(self._waiting)):
                queue = self._waiting.popleft()
                batch = queue.take(float("inf") if self._is_closed else now)
                if queue.batches:
                    self._waiting.append(queue)
                if batch is not None:
                    return queue, batch
            if self._is_closed and not self._waiting:
                return None
            wait_s = min((queue.next_s(now) for queue in self._waiting), default=None)
            self._num_idle += 1
            self._changed.wait(wait_s)
            self._num_idle -= 1

    @property
    def num_waiting(self) -> int:
        """Number of batches that wait for a thread."""
        with self._changed:
            return sum(len(queue.batches) for queue in self._waiting)


def num_waiting() -> int:
    """Return the number of batches that wait for a thread, of all models."""
    return sum(pool.num_waiting for pool in list(_pools))
