"""What a worker's training process tells its supervisor through a pipe: lines of JSON, replayed at the other end."""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from estafet.tracking import NullTracker

PIPE_VARIABLE = "ESTAFET_WORKER_PIPE"

Line = Mapping[str, Any]


class Relay:
    """The process's end of the pipe.

    Args:
        descriptor: File descriptor to write to; None tells nobody, as in a process without a supervisor.
    """

    def __init__(self, descriptor: int | None):
        self._descriptor = descriptor
        self.tracker = RelayedTracker(self)

    @classmethod
    def from_environment(cls) -> Relay:
        """Return the relay that the supervisor named."""
        named = os.environ.get(PIPE_VARIABLE)
        return cls(int(named) if named else None)

    def tell(self, kind: str, **values: object) -> None:
        """Tell the supervisor something, as one line."""
        if self._descriptor is None:
            return
        line = (json.dumps({"kind": kind, **values}, default=str) + "\n").encode()
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
        except OSError:  # the supervisor is gone, and this process is about to follow it
            self._descriptor = None

    def progress(self, message: str, done: float | None = None, total: float | None = None) -> None:
        """Say what is being done, and how many of how many units are finished."""
        self.tell("progress", message=message, done=done, total=total)


class RelayedTracker(NullTracker):
    """A tracker whose calls are replayed by the supervisor, on the tracker that it has."""

    METHODS = ("log_parameters", "log_metrics", "log_file", "log_tags", "log_dataset")

    def __init__(self, relay: Relay):
        for method in self.METHODS:
            setattr(self, method, _call(relay, method))


def _call(relay: Relay, method: str) -> Callable[..., None]:
    return lambda *arguments, **named: relay.tell("track", method=method, arguments=arguments, named=named)


def replay(progress: Callable[..., None], tracker: Any) -> Callable[[Line], None]:
    """Return what does with each line of a relay what the process would have done itself.

    Args:
        progress: Told how far it is.
        tracker: Given what is tracked.
    """

    def on_line(line: Line) -> None:
        if line["kind"] == "progress":
            progress(line["message"], line["done"], line["total"])
        elif line["kind"] == "track" and line["method"] in RelayedTracker.METHODS:
            getattr(tracker, line["method"])(*line["arguments"], **line["named"])

    return on_line


class Follower:
    """Hands lines on in a thread of its own, so that a tracking server that is slow keeps no supervisor from its watch.

    Args:
        on_line: Given each line, in order.
    """

    def __init__(self, on_line: Callable[[Line], None]):
        self._on_line, self._lines, self._error = on_line, queue.SimpleQueue(), None
        self._thread = threading.Thread(target=self._follow, name="follow-worker", daemon=True)
        self._thread.start()

    def put(self, line: Line) -> None:
        """Hand a line on; raises what became of an earlier one, if that was an error."""
        if self._error is not None:
            raise self._error
        self._lines.put(line)

    def close(self) -> None:
        """Wait until all lines have been handed on; raises what became of one of them, if that was an error."""
        self._lines.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _follow(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._on_line(line)
            except BaseException as error:
                self._error = error
                return
