"""Signals are noted while somebody listens, and end the process as ever afterwards."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from estafet.training import preemption


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_noted_and_the_second_one_ends_as_it_would_have(number):
    reached = []
    before = signal.signal(number, lambda *_: reached.append(number))
    try:
        with preemption.listening() as told:
            assert told.signal_name == ""
            os.kill(os.getpid(), number)
            assert told.signal_name == number.name and reached == []
            os.kill(os.getpid(), number)
            assert reached == [number]
        os.kill(os.getpid(), number)
        assert reached == [number, number]
    finally:
        signal.signal(number, before)


def test_a_thread_cannot_listen_and_goes_on_without():
    seen = []

    def listen() -> None:
        with preemption.listening() as told:
            seen.append(told.signal_name)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()

    assert seen == [""]
