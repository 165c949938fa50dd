"""One column of the data as a card for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from cli.inspection import charts
from cli.inspection.sections import in_percent
from estafet import words
from estafet.schema import TextFeature

NUM_BINS = 30
CATEGORIES_DRAWN = 6


def number_card(name: str, kind: str, missing_share: float, values_N: np.ndarray) -> charts.Card:
    """Return the card of a column of numbers, with a histogram of those that are finite."""
    known_N = values_N[np.isfinite(values_N)]
    text = f"{kind}{_missing(missing_share)}"
    if not len(known_N):
        return charts.Card(name, f"{text}, no value to draw")
    low, high = float(known_N.min()), float(known_N.max())
    # One bin for each whole number, where there are few of them, so that no bin holds two and its neighbour one.
    spread = high - low + 1
    num_bins = int(spread) if kind in ("integer", "boolean") and spread <= NUM_BINS else NUM_BINS
    return charts.Card(name, text, charts.histogram(_counts(known_N, num_bins).tolist(), low, high))


def word_card(
    name: str, num_categories: int | None, missing_share: float, counts: Mapping[str, int], total: int
) -> charts.Card:
    """Return the card of a column of words, with its most frequent ones.

    Args:
        name: The column.
        num_categories: How many different words it has; None where they are too many to count.
        missing_share: Share of the rows without one.
        counts: Rows of each word, most frequent first.
        total: Number of rows.
    """
    many = "many words" if num_categories is None else f"{num_categories:,} words" if num_categories != 1 else "1 word"
    drawn = dict(list(counts.items())[:CATEGORIES_DRAWN])
    others = total - sum(drawn.values()) - round(missing_share * total)
    if len(counts) > len(drawn) and others > 0:
        drawn["(others)"] = others
    return charts.Card(name, f"{many}{_missing(missing_share)}", charts.bars(drawn, total))


def text_card(feature: TextFeature, texts: Sequence[str]) -> charts.Card:
    """Return the card of a column of texts, with a histogram of their numbers of words.

    Args:
        feature: The column.
        texts: Some of its texts, empty where missing.
    """
    import pyarrow as pa

    words_N, _ = words.describe(pa.array(texts, pa.string()), feature.vocabulary)
    drawn = number_card(feature.name, "integer", feature.missing_share, words_N)
    text = f"text, a vocabulary of {len(feature.vocabulary):,}{_missing(feature.missing_share)}; words in a text:"
    return replace(drawn, text=text)


def _counts(values_N: np.ndarray, num_bins: int) -> np.ndarray:
    """Count values in bins of one width; unlike NumPy's, also where the range is too wide or too narrow for floats."""
    halves_N = values_N / 2
    low, width = halves_N.min(), halves_N.max() - halves_N.min()
    places_N = (halves_N - low) / width if width > 0 else np.full(len(values_N), 0.5)
    return np.bincount(np.minimum((num_bins * places_N).astype(int), num_bins - 1), minlength=num_bins)


def _missing(share: float) -> str:
    return f", {in_percent(share)} missing" if share else ""
