"""Proposes the smallest effect that counts, from windows of a time in which nothing drifted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from estafet.errors import DataError
from estafet.runfile.monitor import Detect
from monitoring.replay.backtest import Replayed

LOWEST = Detect.model_fields["min_effect"].default
"""A proposal is never below the default: smaller differences are improbable rather than important."""
STEP = 0.005


@dataclass(frozen=True)
class Proposal:
    """What the stable past suggests.

    Attributes:
        min_effect: The smallest effect that counts, proposed.
        num_windows: Windows of the stable past.
        num_alarms: How many of them have findings by the present policy.
        num_left: How many would have some by the proposed one.
    """

    min_effect: float
    num_windows: int
    num_alarms: int
    num_left: int


def propose(replayed: Sequence[Replayed], rate: float) -> Proposal:
    """Return the smallest `min_effect` by which at most a share `rate` of stable windows has findings.

    Args:
        replayed: The stable past, judged with the smallest `min_effect` that is worth proposing, each window with its
            largest effect.
        rate: Wanted share of windows with a false finding, from 0 to 1.

    Raises:
        DataError: There are too few windows to see such a share: fewer than 1 / rate, or than 20.
    """
    needed = max(20, math.ceil(1 / rate - 1e-9) if rate > 0 else 20)
    if len(replayed) < needed:
        raise DataError(
            f"{len(replayed)} windows were judged, and a share of {rate:g} shows in {needed} or more.",
            hint="replay a longer time with --since, or check more often with --every.",
        )
    effects = sorted((each.max_effect for each in replayed), reverse=True)
    allowed = math.floor(rate * len(effects) + 1e-9)
    largest = effects[allowed] if allowed < len(effects) else 0.0
    proposed = LOWEST if largest < LOWEST else (math.floor(largest / STEP) + 1) * STEP
    return Proposal(
        round(proposed, 3),
        len(effects),
        sum(each.status != "ok" for each in replayed),
        sum(effect >= proposed for effect in effects),
    )
