"""Worker processes on this machine: started, watched, and started anew when one dies; each runs trials of one study.

What becomes of what:

- a worker is killed (SIGKILL, out of memory, a crash): its trial is tried again, and the worker started anew;
- a worker cannot even start: that would happen again, so the search ends with the last lines of the worker's log;
- an error of ours, or an unforeseen exception, ends a worker: all end with that error;
- this process is told to end: all workers give their trials back, and end;
- this process dies: the system ends the workers (estafet.training.workers.child).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from components.tune.running import retries, worker
from components.tune.running.search import Search
from estafet.errors import EstafetError, Preempted, StepFailed
from estafet.telemetry import rebuild
from estafet.training.workers.process import Process

TICK_S = 0.3
END_S = 15.0
"""Seconds that workers may take to give their trials back when they are told to end."""
MAX_KILLED_STARTS = 3
LAST_LINES = 5
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


class Pool:
    """Workers on this machine.

    Args:
        search: The search, as this process has it; its trials are run by the workers only.
        job: File from which each worker makes the same search.
        logs: Folder for `worker-N.log`, the output of each.
        stop: When it is set, the workers are told to end.
        on_tick: Called several times a second.
    """

    def __init__(
        self,
        search: Search,
        job: Path,
        logs: Path,
        *,
        stop: threading.Event,
        on_tick: Callable[[], None] = lambda: None,
    ):
        self._search, self._job, self._logs, self._stop, self._on_tick = search, job, logs, stop, on_tick

    def run(self, num_workers: int) -> None:
        """Start workers, and return when all have ended because no more trials may begin.

        Raises:
            Preempted: `stop` was set.
            StepFailed: A worker could not start, or an exception that nobody foresaw ended it.
            EstafetError: What ended a worker would end them all.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **threads(num_workers)}
        workers = [
            _Worker([sys.executable, "-P", "-m", worker.__name__, str(self._job), str(index)], environment, log)
            for index, log in enumerate(self._logs / f"worker-{index}.log" for index in range(num_workers))
        ]
        with _ended_together(workers):
            for one in workers:
                one.start()
            while alive := [one for one in workers if one.process is not None]:
                for one in alive:
                    self._look_at(one)
                self._on_tick()
                if self._stop.wait(TICK_S):
                    raise Preempted(
                        "tuning was told to end.",
                        hint="run the same command again; it goes on with the trials that are left.",
                    )

    def _look_at(self, one: _Worker) -> None:
        """Hear what a worker says, and what became of it."""
        status = one.listen()
        if status is None:
            return
        if one.error is not None and not isinstance(one.error, Preempted):  # one alone may be told to end, by anyone
            raise one.with_log(one.error)
        one.close()
        if one.has_ended:
            return
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
        if not one.was_ready:
            one.num_killed_starts += 1
            if status > 0 or one.num_killed_starts >= MAX_KILLED_STARTS:
                raise one.cannot_start(how)
        retries.take_back_orphans(self._search.study, how, signed_only=True)
        if self._search.budget.ended_by(self._search.study) is None:
            one.start()


@dataclass
class _Worker:
    """A worker, through all of its processes.

    Attributes:
        command: What its process runs.
        environment: Its environment.
        log: File for its output.
        process: The process; None when there is none.
        was_ready: Whether the process of now, or of last, has come as far as to run trials.
        has_ended: Whether it has said that no more trials may begin.
        error: What ended it.
        num_killed_starts: How often in a row its process was killed before it was ready.
    """

    command: list[str]
    environment: dict[str, str]
    log: Path
    process: Process | None = None
    was_ready: bool = False
    has_ended: bool = False
    error: EstafetError | None = None
    num_killed_starts: int = 0

    def start(self) -> None:
        """Start its process."""
        self.was_ready, self.has_ended, self.error = False, False, None
        self.process = Process(self.command, self.environment, self.log)

    def listen(self) -> int | None:
        """Take note of what it has said, and return the status of its process; None while that runs."""
        status = self.process.status  # before its lines, so that none comes after them
        for line in self.process.lines():
            if line["kind"] == worker.READY:
                self.was_ready, self.num_killed_starts = True, 0
            elif line["kind"] == worker.ENDED:
                self.has_ended = True
            elif line["kind"] == "error":
                self.error = rebuild(line["error"])
        return status

    def close(self) -> None:
        """End its process, with all that it has started."""
        if self.process is not None:
            process, self.process = self.process, None
            process.__exit__()

    def with_log(self, error: EstafetError) -> EstafetError:
        """Return an error that ended it, with the place of its log where it has no better hint."""
        return type(error)(error.message, hint=error.hint or f"the traceback is in {self.log}.")

    def cannot_start(self, how: str) -> StepFailed:
        """Return what says that its process dies before it can run a trial."""
        with contextlib.suppress(OSError):
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
            how += f"; its last words were:\n{os.linesep.join(lines)}" if lines else " without a word"
        return StepFailed(f"a worker cannot start: its process {how}", hint=f"all that it said is in {self.log}.")


@contextlib.contextmanager
def _ended_together(workers: list[_Worker]) -> Iterator[None]:
    """Tell all workers to end when the block does, whatever ended it, and leave none behind."""
    try:
        yield
    finally:
        alive = [one.process for one in workers if one.process is not None]
        for process in alive:
            process.terminate()
        until = time.monotonic() + END_S
        while any(process.status is None for process in alive) and time.monotonic() < until:
            time.sleep(0.05)
        for one in workers:
            one.close()


def threads(num_workers: int, num_cores: int | None = None) -> dict[str, str]:
    """Return the environment in which each of several processes takes its part of the cores, and at least one.

    Args:
        num_workers: Number of processes.
        num_cores: Number of cores; those that this process may use, where it is not given.
    """
    if num_cores is None:
        num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return dict.fromkeys(THREADS, str(max(1, num_cores // num_workers)))
