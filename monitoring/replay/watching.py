"""Runs a check again and again, each in a process of its own, until it is told to stop."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

STOPPED = (signal.SIGTERM, signal.SIGINT)


class Watch:
    """A schedule of checks.

    A check that fails is told and the next one is made all the same. A check that takes longer than the pause between
    two begins is followed by the next at once; two never run side by side.
    """

    def __init__(self, command: Sequence[str], every_s: float, say: Callable[[str], None], after: Callable[[], None]):
        """Plan the checks.

        Args:
            command: What makes one check.
            every_s: Seconds from the begin of one to the begin of the next.
            say: Is told how each ended.
            after: Is called after each.
        """
        self._command, self._every_s, self._say, self._after = list(command), every_s, say, after
        self._stop, self._child = threading.Event(), None

    def run(self, num_checks: int | None = None) -> None:
        """Make checks until SIGTERM or SIGINT, which lets a running one end by itself; or so many.

        Args:
            num_checks: After so many it ends; never where it is not given.
        """
        before = {number: signal.signal(number, self._told_to_stop) for number in STOPPED}
        try:
            count = 0
            while not self._stop.is_set() and (num_checks is None or count < num_checks):
                began = time.monotonic()
                self._check()
                count += 1
                if num_checks is None or count < num_checks:
                    self._stop.wait(max(0.0, began + self._every_s - time.monotonic()))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _check(self) -> None:
        self._child = subprocess.Popen(self._command)
        status = self._child.wait()
        self._child = None
        if status != 0:
            self._say(f"the check ended with status {status}; the next one judges its requests")
        self._after()

    def _told_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()
        if number == signal.SIGTERM and self._child is not None:
            self._child.send_signal(signal.SIGTERM)
