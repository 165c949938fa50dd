"""Batching that nobody has asked for: a thread takes what has queued up while it was busy, and waits for nothing.

It must change no answer and no error. So requests go together only where every tensor has a free first dimension, types
and other dimensions are equal, and nothing in the graph has effects; the first batches are run one by one as well, and
where the answers differ the model is one whose rows depend on one another, and is never batched again. A batch that
fails is run one by one, so that only the request that is wrong gets an error.

What comes from an event loop, and is quick, is run on that loop: see `on_loop`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Hashable, Mapping
from concurrent.futures import Future

import numpy as np

from serving.server.engine.batching.on_loop import Coming, Durations, running_loop
from serving.server.engine.batching.rows import joined, taken_apart
from serving.server.engine.batching.scheduler import Pool, Queue, Task
from serving.server.status import Code, StatusError
from serving.server.watching.engine import ROWS

logger = logging.getLogger("estafet.serving")
NUM_THREADS = 2
MAX_ROWS = 256
MAX_BYTES = 2**24
NUM_TRIALS = 4
TIMED_OUT = "Run() timeout exceeded while waiting in batching queue"

Run = Callable[..., list[np.ndarray]]


class Adaptive:
    """The queues of one version: one for each set of tensors that is fed and fetched."""

    def __init__(
        self,
        runner: Callable[[tuple[str, ...], tuple[str, ...]], Run],
        mergeable: Collection[str],
        *,
        steady: Collection[str] = (),
        num_threads: int = NUM_THREADS,
    ):
        """Start the threads.

        Args:
            runner: Gives the function that runs the graph on some feeds and fetches.
            mergeable: Names of the tensors that may be fed and fetched for several requests at once.
            steady: Those of them that take as long for any values, for as many rows.
            num_threads: Number of runs at a time.
        """
        self._runner, self._mergeable, self._steady = runner, frozenset(mergeable), frozenset(steady)
        self._pool = Pool(num_threads, "model")
        self._queues: dict[tuple[tuple[str, ...], tuple[str, ...]], _Batches] = {}
        self._lock = threading.Lock()

    def submit(
        self, feeds: Mapping[str, np.ndarray], fetches: tuple[str, ...], deadline: float | None
    ) -> Future[list[np.ndarray]]:
        """Queue a request."""
        names = tuple(feeds)
        batches = self._queues.get((names, fetches))
        if batches is None:
            batches = self._begin(names, fetches)
        return batches.submit(list(feeds.values()), deadline)

    def close(self) -> None:
        """Run what is queued, and end the threads."""
        self._pool.close()
        self._queues.clear()

    def _begin(self, names: tuple[str, ...], fetches: tuple[str, ...]) -> _Batches:
        with self._lock:
            if (names, fetches) not in self._queues:
                may_merge = bool(names) and self._mergeable.issuperset((*names, *fetches))
                is_steady = may_merge and self._steady.issuperset((*names, *fetches))
                self._queues[names, fetches] = _Batches(self._pool, self._runner(names, fetches), may_merge, is_steady)
            return self._queues[names, fetches]


class _Batches:
    def __init__(self, pool: Pool, run: Run, may_merge: bool, is_steady: bool):
        self._runner, self._may_merge, self._num_trials = run, may_merge, NUM_TRIALS
        self._queue = Queue(pool, self._process, max_batch_size=MAX_ROWS)
        self._durations = Durations() if is_steady else None
        self._coming = Coming(self._process_on_loop)

    def submit(self, arrays: list[np.ndarray], deadline: float | None) -> Future[list[np.ndarray]]:
        key, size = self._key(arrays)
        task = Task(arrays, size, deadline)
        if key is not None and self._durations is not None and self._durations.is_quick(size):
            loop = running_loop()
            if loop is not None:
                self._coming.add(loop, task, key)
                return task.future
        self._queue.submit((task,), key)
        return task.future

    def _process_on_loop(self, coming: list[tuple[Task, Hashable]]) -> None:
        """Run here what may be, and queue the rest."""
        lumps: dict[Hashable, list[Task]] = {}
        for task, key in coming:
            lumps.setdefault(key, []).append(task)
        may_run = len(coming) == 1 or (len(lumps) == 1 and self._may_merge and self._num_trials <= 0)
        num_rows = sum(task.size for task, _ in coming)
        if may_run and num_rows <= MAX_ROWS and self._durations.is_quick(num_rows):
            self._process([task for task, _ in coming])
            return
        for key, tasks in lumps.items():
            try:
                self._queue.submit(tasks, key)
            except StatusError as error:
                for task in tasks:
                    task.fail(error)

    def _run(self, arrays: list[np.ndarray], timeout_ms: int | None) -> list[np.ndarray]:
        if self._durations is None:
            return self._runner(arrays, timeout_ms)
        started = time.perf_counter()
        outputs = self._runner(arrays, timeout_ms)
        self._durations.add(len(arrays[0]), time.perf_counter() - started)
        return outputs

    def _key(self, arrays: list[np.ndarray]) -> tuple[object, int]:
        """Return what requests have in common that may go together, and the share of a full batch that this one is."""
        if not self._may_merge:
            return None, MAX_ROWS
        first = arrays[0]
        size = len(first) if first.ndim else 0
        num_bytes = sum(array.nbytes for array in arrays)
        if not 0 < size < MAX_ROWS or num_bytes > MAX_BYTES:
            return None, MAX_ROWS
        for array in arrays:
            if not array.ndim or len(array) != size:
                return None, MAX_ROWS
        share = max(size, -(-num_bytes * MAX_ROWS // MAX_BYTES))
        return tuple((array.dtype, array.shape[1:]) for array in arrays), share

    def _process(self, tasks: list[Task]) -> None:
        tasks = still_awaited(tasks)
        if len(tasks) > 1 and self._may_merge:
            try:
                outputs = self._together(tasks)
            except StatusError:
                self._one_by_one(tasks)
            else:
                self._settle(tasks, outputs)
        else:
            self._one_by_one(tasks)

    def _together(self, tasks: list[Task]) -> list[list[np.ndarray]]:
        sizes = [len(task.arrays[0]) for task in tasks]
        arrays = [joined(column) for column in zip(*(task.arrays for task in tasks), strict=True)]
        ROWS.observe(sum(sizes))
        return taken_apart(self._run(arrays, latest_ms(tasks)), sizes, sum(sizes))

    def _one_by_one(self, tasks: list[Task]) -> list[list[np.ndarray] | None]:
        """Run each task alone. Returns their outputs, None for one that failed."""
        found: list[list[np.ndarray] | None] = []
        for task in tasks:
            try:
                outputs = self._run(task.arrays, latest_ms((task,)))
            except StatusError as error:
                task.fail(error)
                found.append(None)
            else:
                task.succeed(outputs)
                found.append(outputs)
        return found

    def _settle(self, tasks: list[Task], outputs: list[list[np.ndarray]]) -> None:
        if self._num_trials > 0 and _differ(tasks):
            alone = self._one_by_one(tasks)
            if all(_agree(a, b) for a, b in zip(outputs, alone, strict=True)):
                self._num_trials -= 1
            else:
                self._may_merge = False
                logger.warning("the rows of this model depend on one another: its requests are run one by one")
            return
        for task, values in zip(tasks, outputs, strict=True):
            task.succeed(values)


def still_awaited(tasks: list[Task]) -> list[Task]:
    """Return the tasks whose callers still wait; the others get their error."""
    now = time.monotonic()
    late = [task for task in tasks if task.deadline is not None and task.deadline <= now]
    for task in late:
        task.fail(StatusError(Code.RESOURCE_EXHAUSTED, TIMED_OUT))
    return [task for task in tasks if task not in late] if late else tasks


def latest_ms(tasks: Collection[Task]) -> int | None:
    """Return the time that is left to the last caller who waits, or None where one waits for ever."""
    latest = 0.0
    for task in tasks:
        if task.deadline is None:
            return None
        latest = max(latest, task.deadline)
    return max(int(1000 * (latest - time.monotonic())), 1)


def _differ(tasks: list[Task]) -> bool:
    """Whether the requests are different ones: equal rows say nothing about whether rows depend on one another."""
    first = tasks[0].arrays
    return any(not np.array_equal(a, b) for task in tasks[1:] for a, b in zip(first, task.arrays, strict=True))


def _agree(together: list[np.ndarray], alone: list[np.ndarray] | None) -> bool:
    return alone is not None and all(_are_close(a, b) for a, b in zip(together, alone, strict=True))


def _are_close(a: np.ndarray, b: np.ndarray) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    finite = np.abs(b[np.isfinite(b)])
    scale = float(finite.max()) if finite.size else 0.0
    relative = 1e-2 if a.dtype.itemsize == 2 else 1e-3
    return bool(np.allclose(a, b, rtol=relative, atol=relative * 1e-2 * scale, equal_nan=True))
