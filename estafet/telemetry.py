"""What a step says of itself while it runs: its progress, what it cost, and the error that ended it.

On a laptop the runner names a folder in the environment and draws its table from the files that steps leave there. On
a cluster nothing is named, and the same lines go to the log.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from estafet import errors
from estafet.files import read_json, replacing
from estafet.process import end_quickly, is_running
from estafet.tracking import MlflowTracker, NullTracker, check_reachable, gone_away, tracker_from_environment

RUN_DIR_VARIABLE = "ESTAFET_RUN_DIR"
SCRATCH_VARIABLE = "ESTAFET_SCRATCH_DIR"
RUNNER_PID_VARIABLE = "ESTAFET_RUNNER_PID"
MIN_WRITE_INTERVAL_S = 0.2
GRACE_S = 20
FULL_DISK_WORDS = ("No space left on device", "database or disk is full")


class Progress(Protocol):
    """How a step says how far it is."""

    def __call__(self, message: str, done: float | None = None, total: float | None = None) -> None:
        """Say what is being done, and how many of how many units are finished."""


def silent(message: str, done: float | None = None, total: float | None = None) -> None:
    """A progress that tells nobody, for use as a library and in tests."""


@dataclass
class StepRecord:
    """All that is known of one step of one run.

    Attributes:
        step: The step's name.
        state: running, done or failed.
        pid: Process that runs it.
        started: Seconds since the epoch.
        ended: Seconds since the epoch, or None while it runs.
        message: What it is doing, or the result in a few words.
        done: Units that are finished, or None.
        total: Units in all, or None.
        counted_from: Seconds since the epoch when counting to this total began, and what was done by then.
        wall_s: Seconds that the body took.
        cpu_s: CPU seconds of the process and its children.
        peak_mb: Largest resident memory of the process, in 10⁶ bytes.
        error: For a failed step: kind, message, hint, exit_status, traceback.
        mlflow_run_id: The nested MLflow run, if one was made.
    """

    step: str
    state: str = "running"
    pid: int = 0
    started: float = 0.0
    ended: float | None = None
    message: str = ""
    done: float | None = None
    total: float | None = None
    counted_from: tuple[float, float] | None = None
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float = 0.0
    error: dict[str, object] | None = None
    mlflow_run_id: str | None = None

    @classmethod
    def read(cls, path: str | Path) -> StepRecord:
        """Read a record that a step left."""
        return cls(**read_json(path))


@dataclass
class Step:
    """A running step: what its body is given to speak with.

    Attributes:
        name: The step's name.
        tracker: Where parameters, metrics and files go.
    """

    name: str
    tracker: MlflowTracker | NullTracker
    record: StepRecord
    _written: float = field(default=0.0, repr=False)

    def progress(self, message: str, done: float | None = None, total: float | None = None) -> None:
        """Say what is being done, and how many of how many units are finished."""
        record = self.record
        changed = message != record.message
        if total and (total != record.total or (done or 0) < (record.done or 0)):
            record.counted_from = time.time(), done or 0
        record.message, record.done, record.total = message, done, total
        if changed or time.monotonic() - self._written > MIN_WRITE_INTERVAL_S:
            self._write()

    def result(self, message: str) -> None:
        """Say the result in a few words; it stays in the table when the step is done."""
        self.record.message, self.record.done, self.record.total = message, None, None

    def scratch(self, *inputs: object) -> Path:
        """Return a folder that survives a kill: the same inputs find it again when the step is run anew.

        Args:
            inputs: Everything that the step's result depends on, as JSON values.
        """
        key = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:24]
        root = os.environ.get(SCRATCH_VARIABLE) or os.path.join(tempfile.gettempdir(), "estafet-scratch")
        folder = Path(root) / f"{self.name}-{key}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _write(self) -> None:
        self._written = time.monotonic()
        self._measure()
        folder = os.environ.get(RUN_DIR_VARIABLE)
        if folder:
            _save(record_path(folder, self.name), json.dumps(asdict(self.record), default=str))
        elif self.record.message:
            share = f" ({(self.record.done or 0) / self.record.total:.0%})" if self.record.total else ""
            print(f"{self.name}: {self.record.message}{share}", flush=True)

    def _measure(self) -> None:
        own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        unit = 1 if sys.platform == "darwin" else 1024
        self.record.wall_s = time.time() - self.record.started
        self.record.cpu_s = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
        self.record.peak_mb = max(own.ru_maxrss, children.ru_maxrss) * unit / 1e6


def _save(path: Path, text: str) -> None:
    """Write a record. On a full disk it goes over the old one, whose block is there, so that the error is not lost."""
    try:
        with replacing(path) as file:
            file.write(text)
    except OSError:
        with contextlib.suppress(OSError), open(path, "r+" if path.exists() else "w", encoding="utf-8") as file:
            file.write(text)
            file.truncate()


def record_path(run_dir: str | Path, step: str) -> Path:
    """Return the file in which `step` of the run in `run_dir` keeps its record."""
    return Path(run_dir) / "steps" / f"{step}.json"


@contextlib.contextmanager
def step(name: str, *, settings: Mapping[str, object] | None = None) -> Iterator[Step]:
    """Run a step's body: measure it, track it, and keep the error that ends it.

    Args:
        name: The step's name.
        settings: Recorded as the parameters of the step's MLflow run.
    """
    _end_with_runner()
    end_quickly()
    running = Step(name, tracker_from_environment(name), StepRecord(name, pid=os.getpid(), started=time.time()))
    running.progress("starting")
    try:
        if settings:
            running.tracker.log_parameters(settings)
        yield running
    except BaseException as error:
        ours = _as_ours(error, running.tracker)
        running.record.error = describe(ours or error)
        _finish(running, "failed")
        if ours is not None:
            print(f"error: {ours}", file=sys.stderr, flush=True)
            raise SystemExit(ours.exit_status) from None
        raise
    _finish(running, "done")


def _as_ours(error: BaseException, tracker: MlflowTracker | NullTracker) -> errors.EstafetError | None:
    """Return an error that a person can act on, or None where this one is unforeseen."""
    gone = gone_away(tracker.uri, error) if isinstance(tracker, MlflowTracker) else None
    return gone or (error if isinstance(error, errors.EstafetError) else None)


def describe(error: BaseException) -> dict[str, object]:
    """Return an error as JSON values: kind, message, hint, exit_status and, for an unforeseen one, its traceback."""
    if isinstance(error, errors.EstafetError):
        return {
            "kind": type(error).__name__,
            "message": error.message,
            "hint": error.hint,
            "exit_status": error.exit_status,
        }
    full = _full_disk(error)
    if full is not None:
        where = f" while writing {full.filename}" if getattr(full, "filename", None) else ""
        said = getattr(full, "strerror", None) or str(full).splitlines()[0]
        return {
            "kind": "StepFailed",
            "message": f"the disk is full{where}: {said}.",
            "hint": "free some space (`estafet doctor` shows how much there is), then run the same command again.",
            "exit_status": 1,
        }
    return {
        "kind": "StepFailed",
        "message": f"{type(error).__name__}: {error}",
        "hint": None,
        "exit_status": 1,
        "traceback": "".join(traceback.format_exception(error)),
    }


def _full_disk(error: BaseException | None) -> BaseException | None:
    """Return the error in the chain that says that the disk is full, if any; some libraries have only words for it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return error
        if any(words in str(error) for words in FULL_DISK_WORDS):
            return error
        error = error.__cause__ or error.__context__
    return None


def rebuild(described: Mapping[str, object]) -> errors.EstafetError:
    """Return the error that `describe` described."""
    kind = errors.BY_NAME.get(str(described.get("kind")), errors.StepFailed)
    hint = described.get("hint")
    return kind(str(described.get("message")), hint=None if hint is None else str(hint))


def _finish(running: Step, state: str) -> None:
    tracker = running.tracker
    running.record.state, running.record.ended = state, time.time()
    running._measure()
    if isinstance(tracker, MlflowTracker) and tracker.started:
        running.record.mlflow_run_id = tracker.run_id
        cost = {"wall_s": running.record.wall_s, "cpu_s": running.record.cpu_s, "peak_mb": running.record.peak_mb}
        with contextlib.suppress(Exception):  # the result counts, not what it cost
            check_reachable(tracker.uri)
            tracker.log_metrics({f"cost/{key}": value for key, value in cost.items()})
            tracker.end("FINISHED" if state == "done" else "FAILED")
    running._write()


def _end_with_runner() -> None:
    """Stop this step when the runner that started it is gone, so that a killed run leaves nothing behind.

    A step that listens, as a training does, has some seconds to save what it has done.
    """
    runner = os.environ.get(RUNNER_PID_VARIABLE)
    if not runner:
        return
    pid = int(runner)

    def watch() -> None:
        while True:
            if not is_running(pid):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(GRACE_S)
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(1)

    threading.Thread(target=watch, name="end-with-runner", daemon=True).start()
