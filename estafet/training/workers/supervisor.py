"""The supervisor of one worker: it starts the training process, and starts it anew when it or a peer was lost.

One supervisor runs for each worker: in each pod of a cluster, or as a thread for each worker on one machine. It imports
no TensorFlow, so it is there whatever becomes of the training process. All supervisors meet (rendezvous.py) before they
start their processes; so no process of now ever speaks with a peer's process of before.

What becomes of what, and who notices:

- the process is killed (SIGKILL, out of memory, a crash): its supervisor sees it end and closes its connections; the
  others see that within milliseconds and kill their processes, which wait in a collective operation for the lost one;
- a whole machine, or a supervisor, is gone: its connections close, or are silent for `links.SILENCE_S` seconds;
- a process is frozen: TensorFlow's heartbeats (strategy.py) end the others with `PEER_LOST`;
- a process hangs before TensorFlow has found its peers: `join_timeout_s`;
- an error of ours, or an unforeseen exception, ends a process: that would happen again, so all end with that error.

In all but the last case, all supervisors meet again, and the training goes on from the last checkpoint.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from estafet.errors import EstafetError, Preempted, StepFailed
from estafet.telemetry import describe, rebuild
from estafet.training.workers import rendezvous
from estafet.training.workers.child import PEER_LOST
from estafet.training.workers.cluster import Cluster
from estafet.training.workers.links import Links
from estafet.training.workers.process import Process
from estafet.training.workers.relay import Follower, Line

TICK_S = 0.2


@dataclass(frozen=True)
class Patience:
    """How long a supervisor waits, and how often it begins anew.

    Attributes:
        come_s: Seconds that the others may take to come, at the start and after each loss.
        join_s: Seconds that a process may take until TensorFlow has found its peers.
        end_s: Seconds that a process may take to save and end when it is asked to.
        word_s: Seconds to wait for word of who was lost, where only the own process says that somebody was.
        restarts: How often lost processes are started anew.
    """

    come_s: float = rendezvous.TIMEOUT_S
    join_s: float = 120.0
    end_s: float = 60.0
    word_s: float = 5.0
    restarts: int = 10


class _Lost(Exception):
    """A process was lost, here or at a peer: all begin anew."""

    def __init__(self, what: str, *, counts: bool = True):
        super().__init__(what)
        self.counts = counts


@dataclass
class Supervisor:
    """The supervisor of one worker.

    Attributes:
        cluster: The workers, and which of them this is.
        command: What to run; it calls `child.run`.
        environment: The process's environment, without TF_CONFIG.
        on_line: Given each line that the process relays, in a thread of its own.
        log: File for the process's output; None for the supervisor's own.
        patience: How long it waits, and how often it begins anew.
        stop: When it is set, the process is asked to save and end, and so is this.
        say: Told, in a few words, when a process was lost.
    """

    cluster: Cluster
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    on_line: Callable[[Line], None] = lambda line: None
    log: Path | None = None
    patience: Patience = Patience()
    stop: threading.Event = field(default_factory=threading.Event)
    say: Callable[[str], None] = lambda words: None

    def run(self) -> None:
        """Train to the end.

        Raises:
            Preempted: `stop` was set; the training can go on later.
            ServiceUnavailable: A worker did not come in time.
            StepFailed: Too many processes were lost, or one ended in a way that was not foreseen.
            EstafetError: What ended the training process of this worker, or of another.
        """
        follower = Follower(self.on_line)
        try:
            self._run(follower)
        except BaseException:
            with suppress(Exception):  # what ended the training counts
                follower.close()
            raise
        follower.close()

    def _run(self, follower: Follower) -> None:
        num_losses = 0
        while True:
            links = rendezvous.meet(self.cluster, self.patience.come_s, self.stop)
            if links is None:
                raise self._preempted()
            with links, Process(self.command, {**self.environment, **self.cluster.environment()}, self.log) as process:
                try:
                    return _Generation(self, process, links, follower).watch()
                except _Lost as lost:
                    num_losses += lost.counts
                    if num_losses > self.patience.restarts:
                        error = self._given_up(str(lost))
                        links.send("failed", error=describe(error))
                        raise error from lost
                    self.say(f"{lost}; all begin anew from the last checkpoint")
                except Preempted:
                    links.send("leaving")
                    raise
                except Exception as error:  # also what `on_line` has raised
                    links.send("failed", error=describe(error))
                    raise

    def name_of(self, index: int) -> str:
        """Return how a worker is called in messages."""
        return f"worker {index} ({self.cluster.addresses[index]})"

    def _preempted(self) -> Preempted:
        return Preempted(
            f"{self.name_of(self.cluster.index)} was asked to end.",
            hint="run the same command again; it goes on from the last checkpoint.",
        )

    def _given_up(self, last: str) -> StepFailed:
        where = f"the last words are in {self.log}" if self.log else "the last words are in the worker's log"
        return StepFailed(
            f"workers were lost {self.patience.restarts + 1} times, the last time so: {last}.",
            hint=f"{where}; where memory ran out, lower train.batch.limit. The same command goes on from the last "
            "checkpoint.",
        )


class _Generation:
    """One start of the training process, from the meeting of all supervisors until one process is lost or all are done.

    Args:
        supervisor: Whose it is.
        process: The process.
        links: The connections to the others.
        follower: Given what the process relays.
    """

    def __init__(self, supervisor: Supervisor, process: Process, links: Links, follower: Follower):
        self.supervisor, self.process, self.links, self.follower = supervisor, process, links, follower
        self.waiting_for = {link.peer for link in links.links} if supervisor.cluster.is_chief else {0}
        self.has_joined, self.is_done, self.stop_by, self.word_by = False, False, None, None

    def watch(self) -> None:
        """Return when all workers are done; raise `_Lost` or the error that ends the training."""
        while self.waiting_for or not self.is_done:
            for peer, message in self.links.poll(TICK_S):
                self._hear(peer, message)
            self._listen()
            self._look_at_peers()
            self._look_at_stop()
            if not self.is_done:
                self._look_at_process()
        if self.supervisor.cluster.is_chief:
            self.links.send("done")

    def _listen(self) -> None:
        for line in self.process.lines():
            self.has_joined = self.has_joined or line["kind"] == "joined"
            if line["kind"] == "error":
                self._fail(rebuild(line["error"]))
            self.follower.put(line)

    def _hear(self, peer: int, message: Mapping[str, object]) -> None:
        if message["kind"] == "done":
            self.waiting_for.discard(peer)
        elif message["kind"] == "failed":
            raise rebuild(message["error"])  # type: ignore[arg-type]
        elif message["kind"] == "leaving" and self.stop_by is None:
            raise _Lost(f"{self.supervisor.name_of(peer)} was asked to end", counts=False)

    def _look_at_peers(self) -> None:
        lost = [self.supervisor.name_of(peer) for peer in self.links.lost if peer in self.waiting_for]
        if lost and self.stop_by is None:
            raise _Lost(f"{', '.join(lost)} was lost")

    def _look_at_stop(self) -> None:
        """Pass a request to end on to the process, and end when it has ended or its time is up."""
        now = time.monotonic()
        if self.stop_by is None:
            if self.supervisor.stop.is_set():
                self.stop_by = now + self.supervisor.patience.end_s
                self.process.terminate()
        elif self.is_done or self.process.status is not None or now > self.stop_by:
            raise self.supervisor._preempted()

    def _look_at_process(self) -> None:
        patience, status = self.supervisor.patience, self.process.status
        if status is None:
            if not self.has_joined and time.monotonic() - self.process.started > patience.join_s:
                raise _Lost(f"TensorFlow did not find its peers within {patience.join_s:g} s")
            return
        self._listen()  # to what it said last
        if self.stop_by is not None:
            return  # `_look_at_stop` ends it
        if status == 0:
            self.is_done = True
            if not self.supervisor.cluster.is_chief:
                self.links.send("done")
        elif status == PEER_LOST:
            self._wait_for_word()
        else:
            raise self._ended(status)

    def _wait_for_word(self) -> None:
        """Wait until the others' supervisors say what happened: the process sees a peer go before they can tell why."""
        self.word_by = self.word_by or time.monotonic() + self.supervisor.patience.word_s
        if time.monotonic() > self.word_by:
            raise _Lost("TensorFlow lost a peer")

    def _ended(self, status: int) -> Exception:
        index = self.supervisor.cluster.index
        if status < 0:
            name = signal.Signals(-status).name
            return _Lost(f"the process of {self.supervisor.name_of(index)} was killed by {name}")
        return self._with_log(
            StepFailed(f"the process of {self.supervisor.name_of(index)} ended with exit status {status}.")
        )

    def _fail(self, error: EstafetError) -> None:
        """End the training with what ended the process, unless all processes ended because one was asked to."""
        if not isinstance(error, Preempted):
            raise self._with_log(error)
        if self.stop_by is None:
            raise _Lost("another worker was asked to end", counts=False)

    def _with_log(self, error: EstafetError) -> EstafetError:
        log = self.supervisor.log
        if error.hint or log is None:
            return error
        return type(error)(error.message, hint=f"the traceback is in {log}.")


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and SIGINT set while the block runs; a second one ends this process at once.

    Outside the main thread, where Python cannot listen to signals, nothing sets it.
    """
    stop, before = threading.Event(), {}

    def handle(number: int, frame: object) -> None:
        if stop.is_set():
            sys.exit(128 + number)
        stop.set()

    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
