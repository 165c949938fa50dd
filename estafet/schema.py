"""The schema of a data set: its features with their statistics, and its label with its classes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class NumericFeature(_Part):
    """A column of numbers; the statistics are those of the training split."""

    kind: Literal["numeric"] = "numeric"
    name: str
    mean: float
    std: float
    """Standard deviation (of the population); 0 for a constant column."""
    min: float
    max: float
    missing_share: float
    """Share of missing values, from 0 to 1."""
    is_integer: bool = False
    storage: Literal["float", "int"] = "float"
    """Which vector of a record holds it: `numeric` (float32), or `integers` (int64: whole numbers, none missing)."""


class CategoricalFeature(_Part):
    """A column of words; the statistics are those of the training split."""

    kind: Literal["categorical"] = "categorical"
    name: str
    categories: tuple[str, ...]
    """The words that the training split holds, most frequent first, at most 10,000."""
    missing_share: float


class TextFeature(_Part):
    """A column of free text; the statistics are those of the training split, words being those of `estafet.words`."""

    kind: Literal["text"] = "text"
    name: str
    vocabulary: tuple[str, ...]
    """The words that occur at least twice, most frequent first, at most 20,000; all words where each occurs once."""
    known_share: float
    """Share of the words that the vocabulary covers, about; 1 where there are no words."""
    mean_words: float
    """Mean number of words of a text, missing ones not counted; 0 where all are missing."""
    words_95: int
    """So many words or fewer have 95 % of the texts, missing ones not counted, at most 10,000."""
    mean_bytes: float
    """Mean length in UTF-8, missing ones counted as 0."""
    missing_share: float


class Label(_Part):
    """What is predicted."""

    name: str
    classes: tuple[str, ...] | None = None
    """For classification: the classes, sorted (as numbers, where all of them are); an example's label is its index."""
    mean: float | None = None
    """For regression: mean of the training split."""
    std: float | None = None
    """For regression: standard deviation of the training split."""


class Schema(_Part):
    """The features, in the order of the vectors that hold them, and the label."""

    numeric: tuple[NumericFeature, ...] = ()
    """Those that are stored as floats come first. For forecasting: the channels, the series to forecast first."""
    categorical: tuple[CategoricalFeature, ...] = ()
    text: tuple[TextFeature, ...] = ()
    label: Label
    time: str | None = None
    """For forecasting: the column with the time of each step."""
    time_unit: Literal["seconds", "number"] = "seconds"
    """For forecasting: whether times are seconds since 1970 in UTC, or whole numbers as they came."""
    series_by: tuple[str, ...] = ()
    """For forecasting: the columns that tell several series apart."""
    calendar: tuple[str, ...] = ()
    """For forecasting: what is computed from each step's time while reading, behind the channels."""
