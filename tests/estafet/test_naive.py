"""The seasonal-naive forecast repeats what was one season ago."""

import numpy as np

from estafet.naive import seasonal_naive


def test_the_seasonal_naive_forecast_repeats_the_last_season():
    """Past 0…7 with a season of 3 ends in 5, 6, 7: the next five steps are 5, 6, 7, 5, 6."""
    values_NLC = np.arange(8.0).reshape(1, 8, 1)

    assert seasonal_naive(values_NLC, horizon=5, season=3).tolist() == [[5, 6, 7, 5, 6]]


def test_only_the_first_channel_is_forecast():
    values_NLC = np.stack([np.arange(4.0), np.full(4, 99.0)], axis=1)[None]

    assert seasonal_naive(values_NLC, horizon=2, season=2).tolist() == [[2, 3]]


def test_a_past_shorter_than_a_season_repeats_its_last_value():
    assert seasonal_naive(np.arange(3.0).reshape(1, 3, 1), horizon=2, season=12).tolist() == [[2, 2]]
