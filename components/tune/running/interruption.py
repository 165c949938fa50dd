"""Ends a trial in the middle when SIGTERM or Ctrl-C comes, but never in the middle of writing to the study."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

from estafet.errors import Preempted

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption:
    """Whether this process was told to end, and whether it may end where it is.

    Attributes:
        asked: The signal's name once one has come; empty before.
    """

    def __init__(self) -> None:
        self.asked, self._is_open = "", False

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Let the block be left at any point."""
        before, self._is_open = self._is_open, True
        try:
            self.check()
            yield
        finally:
            self._is_open = before

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let the block be finished; a signal that came meanwhile is heeded at its end."""
        before, self._is_open = self._is_open, False
        try:
            yield
        finally:
            self._is_open = before
        if self._is_open:
            self.check()

    def check(self) -> None:
        """End here if that was asked.

        Raises:
            Preempted: A signal has come.
        """
        if self.asked:
            raise Preempted(
                f"tuning was told to end ({self.asked}).",
                hint="run the same command again; it goes on with the trials that are left.",
            )

    def note(self, number: int, frame: object) -> None:
        """Handle a signal."""
        self.asked = signal.Signals(number).name
        if self._is_open:
            self.check()


@contextlib.contextmanager
def listening() -> Iterator[Interruption]:
    """Listen to SIGTERM and SIGINT while the block runs; outside the main thread, where Python cannot, to nothing."""
    interruption, before = Interruption(), {}
    try:
        for number in SIGNALS:
            before[number] = signal.signal(number, interruption.note)
    except ValueError:  # not the main thread
        before.clear()
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
