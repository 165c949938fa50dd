"""Simple models predict what can be worked out by hand."""

from __future__ import annotations

import numpy as np

from components.evaluate.baselines import design_matrix, majority_class
from estafet.schema import CategoricalFeature, Label, NumericFeature, Schema, TextFeature


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
