"""Batching by TensorFlow Serving's rules, for `--enable_batching`.

Two things are done better. Requests whose types or shapes do not go together are put into different batches, where
TensorFlow Serving fails the whole batch; and a batch that fails is run one by one, so that no stranger fails.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from serving.server.engine.batching.adaptive import Run, latest_ms, still_awaited
from serving.server.engine.batching.parameters import PER_MODEL_FILE, Parameters
from serving.server.engine.batching.rows import filled_up, joined, padded, taken_apart
from serving.server.engine.batching.scheduler import Pool, Queue, Task
from serving.server.status import Code, StatusError, invalid
from serving.server.watching.engine import batched

FindRunner = Callable[[tuple[str, ...], tuple[str, ...]], Run]


class Batching:
    """The threads that all models share, and the parameters of each."""

    def __init__(self, parameters: Parameters, *, per_model: bool = False):
        """Start the threads.

        Args:
            parameters: For all models; with `per_model` only the threads.
            per_model: Whether each version's folder says how it is batched, if at all.
        """
        parameters.check()
        self._parameters, self._per_model = parameters, per_model
        self.pool = Pool(parameters.num_threads, parameters.thread_pool_name)

    def of(self, folder: Path) -> ModelBatching | None:
        """Return how a version is batched, or None where it is not.

        Raises:
            StatusError: Its own parameters are wrong.
        """
        if not self._per_model:
            return ModelBatching(self.pool, self._parameters)
        file = folder / PER_MODEL_FILE
        return ModelBatching(self.pool, Parameters.read(file)) if file.exists() else None

    def close(self) -> None:
        """End the threads."""
        self.pool.close()


class ModelBatching:
    """How one version is batched."""

    def __init__(self, pool: Pool, parameters: Parameters):
        self._pool, self._parameters = pool, parameters

    def queues(self, runner: FindRunner) -> Queues:
        """Return the queues in front of a version's session."""
        return Queues(self._pool, self._parameters, runner)


class Queues:
    """One queue for each set of tensors that is fed and fetched."""

    def __init__(self, pool: Pool, parameters: Parameters, runner: FindRunner):
        self._pool, self._parameters, self._runner = pool, parameters, runner
        self._queues: dict[tuple[tuple[str, ...], tuple[str, ...]], _Batches] = {}
        self._lock = threading.Lock()

    def submit(
        self, feeds: Mapping[str, np.ndarray], fetches: tuple[str, ...], deadline: float | None
    ) -> Future[list[np.ndarray]]:
        """Queue a request.

        Raises:
            StatusError: It cannot be batched, or the queue is full.
        """
        size = _size_of(feeds)
        with self._lock:
            names = tuple(feeds)
            if (names, fetches) not in self._queues:
                run = self._runner(names, fetches)
                self._queues[names, fetches] = _Batches(self._pool, self._parameters, run)
            batches = self._queues[names, fetches]
        return batches.submit(list(feeds.values()), size, deadline)

    def close(self) -> None:
        """Forget the queues, which are empty: no call is running. The threads are the server's."""
        self._queues.clear()


def _size_of(feeds: Mapping[str, np.ndarray]) -> int:
    if not feeds:
        raise invalid("Batching Run() must have at least one input tensor")
    if any(not array.ndim for array in feeds.values()):
        raise invalid("Batching Run() input tensors must have at least one dimension")
    sizes = {len(array) for array in feeds.values()}
    if len(sizes) > 1:
        raise invalid("Batching Run() input tensors must have equal 0th-dimension size")
    return sizes.pop()


class _Batches:
    def __init__(self, pool: Pool, parameters: Parameters, run: Run):
        self._pool, self._parameters, self._run = pool, parameters, run
        self._queue = Queue(
            pool,
            self._process,
            max_batch_size=parameters.max_execution_batch_size,
            timeout_s=parameters.timeout_s,
            max_batches=parameters.max_enqueued_batches,
        )

    def submit(self, arrays: list[np.ndarray], size: int, deadline: float | None) -> Future[list[np.ndarray]]:
        limit, key = self._parameters.max_batch_size, self._key(arrays)
        if size > limit and not self._parameters.splits:
            raise invalid(f"Task size {size} is larger than maximum input batch size {limit}")
        if size <= self._parameters.max_execution_batch_size:
            task = Task(arrays, size, deadline)
            self._queue.submit((task,), key)
            return task.future
        with self._pool.locked():
            parts = self._parts(arrays, size, deadline, key)
        whole = _Whole([part.future for part in parts])
        self._queue.submit(parts, key)
        return whole.future

    def _key(self, arrays: Sequence[np.ndarray]) -> Hashable:
        """Return what requests have in common that may go together."""
        pads = self._parameters.pads
        return tuple((array.dtype, array.ndim if pads else array.shape[1:]) for array in arrays)

    def _parts(self, arrays: list[np.ndarray], size: int, deadline: float | None, key: Hashable) -> list[Task]:
        """Take a request apart: the first part fills the batch that is open."""
        largest, room = self._parameters.max_execution_batch_size, self._queue.room(key)
        num_free = max(self._parameters.max_enqueued_batches - len(self._queue.batches), 0)
        capacity = num_free * largest + room
        if size > capacity:
            raise StatusError(
                Code.UNAVAILABLE,
                f"The batch scheduling queue to which this task was submitted is full; task size is {size} but "
                f"scheduling capacity is only {capacity} (num_enqueued_batches={len(self._queue.batches)}, "
                f"max_enqueued_batches={self._parameters.max_enqueued_batches}, open_batch_size="
                f"{largest - room if room else 0}, max_execution_batch_size={largest})",
            )
        parts, start = [], 0
        while start < size:
            stop = min(start + ((room if not start else 0) or largest), size)
            parts.append(Task([array[start:stop] for array in arrays], stop - start, deadline))
            start = stop
        return parts

    def _process(self, tasks: list[Task]) -> None:
        tasks = still_awaited(tasks)
        if not tasks:
            return
        try:
            outputs = self._together(tasks)
        except StatusError as error:
            if len(tasks) == 1:
                tasks[0].fail(error)
                return
            for task in tasks:
                self._process([task])
        else:
            for task, values in zip(tasks, outputs, strict=True):
                task.succeed(values)

    def _together(self, tasks: list[Task]) -> list[list[np.ndarray]]:
        sizes = [task.size for task in tasks]
        num_rows = self._filled_size(sum(sizes))
        arrays = []
        for column in zip(*(task.arrays for task in tasks), strict=True):
            array = joined(padded(column))
            if num_rows > len(array):
                array = filled_up(array, len(array) - sizes[-1], num_rows)
            arrays.append(array)
        outputs = self._run(arrays, latest_ms(tasks))
        batched(sizes, num_rows)
        return taken_apart(outputs, sizes, num_rows)

    def _filled_size(self, size: int) -> int:
        if not size:
            return size
        return next((allowed for allowed in self._parameters.allowed_batch_sizes if allowed >= size), size)


class _Whole:
    """Puts the outputs of a request's parts together."""

    def __init__(self, parts: list[Future[list[np.ndarray]]]):
        self.future: Future[list[np.ndarray]] = Future()
        self._parts, self._num_left, self._lock = parts, len(parts), threading.Lock()
        for part in parts:
            part.add_done_callback(self._count)

    def _count(self, _: Future[list[np.ndarray]]) -> None:
        with self._lock:
            self._num_left -= 1
            if self._num_left:
                return
        failed = next((part.exception() for part in self._parts if part.exception()), None)
        if self.future.cancelled():
            return
        if failed is not None:
            self.future.set_exception(failed)
        else:
            columns = zip(*(part.result() for part in self._parts), strict=True)
            self.future.set_result([np.concatenate(column) for column in columns])
