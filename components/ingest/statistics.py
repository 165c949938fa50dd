"""The schema: what the training split says about each feature and the label."""

from __future__ import annotations

from collections import Counter

import numpy as np

from estafet.schema import CategoricalFeature, NumericFeature

MAX_CATEGORIES = 10_000


def numeric_feature(name: str, values_N: np.ndarray) -> NumericFeature:
    """Describe a column of numbers; NaN counts as missing.

    Args:
        name: The column's name.
        values_N: The training split's values, float32 (N,).
    """
    known_N = values_N[~np.isnan(values_N)].astype(np.float64)
    missing_share = 1 - len(known_N) / max(1, len(values_N))
    if not len(known_N):
        return NumericFeature(name=name, mean=0, std=0, min=0, max=0, missing_share=missing_share)
    return NumericFeature(
        name=name,
        mean=float(known_N.mean()),
        std=float(known_N.std()),
        min=float(known_N.min()),
        max=float(known_N.max()),
        missing_share=missing_share,
        is_integer=bool(np.all(known_N % 1 == 0)),
    )


def categorical_feature(name: str, values_N: np.ndarray) -> CategoricalFeature:
    """Describe a column of words.

    Args:
        name: The column's name.
        values_N: The training split's values, objects of type bytes (N,), missing ones empty.
    """
    counts = Counter(values_N.tolist())
    num_missing = counts.pop(b"", 0)
    words = sorted(counts, key=lambda word: (-counts[word], word))
    return CategoricalFeature(
        name=name,
        categories=tuple(word.decode() for word in words[:MAX_CATEGORIES]),
        missing_share=num_missing / max(1, len(values_N)),
    )
