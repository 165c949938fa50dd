"""Listens for the signals with which a machine is taken away, so that a training can be saved first."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Preemption:
    """Whether this process has been told to end.

    Attributes:
        signal_name: SIGTERM or SIGINT, once one has come; empty before.
    """

    def __init__(self) -> None:
        self.signal_name = ""


@contextmanager
def listening() -> Iterator[Preemption]:
    """Take note of SIGTERM and SIGINT instead of ending at once; a second one ends the process as it would have.

    Outside the main thread, where Python cannot listen to signals, nothing is noted.
    """
    preemption, before = Preemption(), {}

    def note(number: int, frame: object) -> None:
        preemption.signal_name = signal.Signals(number).name
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    try:
        for number in SIGNALS:
            before[number] = signal.signal(number, note)
    except ValueError:  # not the main thread
        before.clear()
    try:
        yield preemption
    finally:
        restore()
