"""Simple models predict what can be worked out by hand."""

from __future__ import annotations

import numpy as np

from components.evaluate.baselines import design_matrix, majority_class, seasonal_naive
from estafet.schema import CategoricalFeature, Label, NumericFeature, Schema, TextFeature


def test_the_seasonal_naive_forecast_repeats_the_last_season():
    """Past 0…7 with a season of 3 ends in 5, 6, 7: the next five steps are 5, 6, 7, 5, 6."""
    values_NLC = np.arange(8.0).reshape(1, 8, 1)

    assert seasonal_naive(values_NLC, horizon=5, season=3).tolist() == [[5, 6, 7, 5, 6]]


def test_only_the_first_channel_is_forecast():
    values_NLC = np.stack([np.arange(4.0), np.full(4, 99.0)], axis=1)[None]

    assert seasonal_naive(values_NLC, horizon=2, season=2).tolist() == [[2, 3]]


def test_a_past_shorter_than_a_season_repeats_its_last_value():
    assert seasonal_naive(np.arange(3.0).reshape(1, 3, 1), horizon=2, season=12).tolist() == [[2, 2]]


def test_the_majority_class_gets_its_share():
    assert majority_class((30, 10), 2).tolist() == [[0.75, 0.25], [0.75, 0.25]]


def test_numbers_are_standardised_and_words_get_a_column_each():
    schema = Schema(
        numeric=(NumericFeature(name="x", mean=10, std=2, min=0, max=20, missing_share=0),),
        categorical=(CategoricalFeature(name="c", categories=("a", "b"), missing_share=0),),
        label=Label(name="y"),
    )
    raw = {"x": np.array([14, np.nan]), "c": np.array(["b", "new"], dtype=object), "label": np.zeros(2)}

    assert design_matrix(schema, raw).tolist() == [[2, 0, 1], [0, 0, 0]]


def test_texts_get_a_column_for_each_frequent_word(monkeypatch):
    """Behind the number: which of the two words a text has, however often; the third word is one too many."""
    monkeypatch.setattr("components.evaluate.baselines.MAX_WORDS", 2)
    statistics = {"known_share": 1, "mean_words": 2, "words_95": 3, "mean_bytes": 9, "missing_share": 0}
    schema = Schema(
        numeric=(NumericFeature(name="x", mean=0, std=1, min=0, max=1, missing_share=0),),
        text=(TextFeature(name="t", vocabulary=("good", "bad", "rare"), **statistics),),
        label=Label(name="y"),
    )
    texts = np.array(["Bad, bad, rare", "", "new: GOOD bad"], dtype=object)

    found = design_matrix(schema, {"x": np.array([3.0, 0, 0]), "t": texts, "label": np.zeros(3)})

    assert found.toarray().tolist() == [[3, 0, 1], [0, 0, 0], [0, 1, 1]]
