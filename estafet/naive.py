"""The forecast that every other one is measured by: what was one season ago."""

from __future__ import annotations

import numpy as np


def seasonal_naive(values_NLC: np.ndarray, *, horizon: int, season: int) -> np.ndarray:
    """Forecast each step as the value of one season ago.

    Args:
        values_NLC: Past steps, the series to forecast being the first channel.
        horizon: Number of steps to forecast.
        season: Number of steps in a season; where the past is shorter than one, the last value is repeated.

    Returns:
        Forecasts (N, horizon).

    Source:
        Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", section 5.2.
    """
    lookback = values_NLC.shape[1]
    season = season if season <= lookback else 1
    return values_NLC[:, lookback - season + np.arange(horizon) % season, 0]
