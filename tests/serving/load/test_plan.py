"""When the requests of an open loop are due."""

from __future__ import annotations

import numpy as np
import pytest

from serving.load.plan import Plan, arrivals


def test_arrivals_are_a_poisson_process():
    """Gaps of mean 1/rate whose standard deviation is their mean; the number is within five of its deviations."""
    times = arrivals(Plan(rate=1000, warm_up_s=2, duration_s=8))

    gaps = np.diff(times)
    assert abs(len(times) - 10_000) < 5 * 100
    assert gaps.mean() == pytest.approx(1e-3, rel=0.05)
    assert gaps.std() == pytest.approx(1e-3, rel=0.05)
    assert times[0] > 0
    assert times[-1] < 10
    assert (gaps > 0).all()


def test_the_seed_decides_when():
    plan = Plan(rate=50, seed=1)

    np.testing.assert_array_equal(arrivals(plan), arrivals(plan))
    assert arrivals(plan)[0] != arrivals(Plan(rate=50, seed=2))[0]
