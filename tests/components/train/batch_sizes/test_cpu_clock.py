"""CPU time at moments that are past."""

from __future__ import annotations

from components.train.batch_sizes import cpu_clock
from components.train.batch_sizes.cpu_clock import CpuClock


def test_a_past_moment_has_the_cpu_time_that_was_last_read_before_it(monkeypatch):
    """Read at 100, 101 and 102 s, when 5, 5.5 and 7 CPU seconds had been spent."""
    moments, spent = iter([100.0, 101.0, 102.0]), iter([5.0, 5.5, 7.0, 9.0])
    monkeypatch.setattr(cpu_clock.time, "monotonic", lambda: next(moments))
    monkeypatch.setattr(cpu_clock.time, "process_time", lambda: next(spent))
    clock = CpuClock()
    waits = iter([False, False, True])
    clock._end.wait = lambda timeout: next(waits)
    clock._read()

    assert [clock.spent_s(moment) for moment in (99.0, 100.5, 101.0, 101.9, 200.0)] == [0.0, 0.0, 0.5, 0.5, 2.0]
    assert clock.spent_s() == 4.0
