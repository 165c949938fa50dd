"""Whether the rows of a series are evenly spaced, and what the run file says where they are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.ingest.series.frequency import OFF, SECOND_US, infer

if TYPE_CHECKING:
    from cli.proposal.columns import Column

FREQUENCIES = {"s": 1, "min": 60, "5min": 300, "15min": 900, "h": 3600, "D": 86_400, "7D": 604_800}
"""Steps that rows at odd times may be averaged into, and their seconds."""


@dataclass(frozen=True)
class Steps:
    """The steps that rows become.

    Attributes:
        num_steps: How many.
        num_gaps: How many of them have no row.
        frequency: What rows must be averaged into, where they must.
    """

    num_steps: int
    num_gaps: int = 0
    frequency: str = ""


def steps_of(time: Column) -> Steps:
    """Return the steps of a series.

    Args:
        time: The times of the rows, which only grow.
    """
    is_time = time.kind == "time"
    times_N = np.round(time.numbers * (SECOND_US if is_time else 1)).astype(np.int64)
    positions_N = infer([times_N], is_time=is_time).positions(times_N)
    if not np.any(positions_N == OFF):
        num_steps = int(positions_N[-1]) + 1
        return Steps(num_steps, num_steps - len(times_N))
    if not is_time:
        return Steps(len(times_N))
    median_s = float(np.median(np.diff(times_N))) / SECOND_US
    frequency = next((name for name, length in FREQUENCIES.items() if length >= median_s), "7D")
    bins_N = np.unique(times_N // (FREQUENCIES[frequency] * SECOND_US))
    num_steps = int(bins_N[-1] - bins_N[0]) + 1
    return Steps(num_steps, num_steps - len(bins_N), frequency)
