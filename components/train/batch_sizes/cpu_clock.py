"""How much CPU time this process had spent at a moment that is past."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right

INTERVAL_S = 0.05


class CpuClock:
    """Reads the CPU time of all threads every 0.05 s, in a thread of its own, while its block runs.

    The training loop says when an epoch has ended and how long it took, but not when it begins.
    """

    def __init__(self):
        self._times_s, self._spent_s = [time.monotonic()], [time.process_time()]
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._read, name="cpu-clock", daemon=True)

    def __enter__(self) -> CpuClock:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._end.wait(INTERVAL_S):
            self._spent_s.append(time.process_time())
            self._times_s.append(time.monotonic())

    def spent_s(self, moment_s: float | None = None) -> float:
        """Return the CPU seconds from the clock's beginning to a moment of `time.monotonic`; up to now without one."""
        if moment_s is None:
            return time.process_time() - self._spent_s[0]
        return self._spent_s[max(0, bisect_right(self._times_s, moment_s) - 1)] - self._spent_s[0]
