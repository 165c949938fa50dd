"""Simple models on the same examples: what a candidate has to beat to be worth its keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from estafet import words
from estafet.metrics import Outcome
from estafet.naive import seasonal_naive
from estafet.records.manifest import Manifest
from estafet.records.reading import raw_examples
from estafet.runfile.tasks import Task
from estafet.schema import Schema

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MAX_TRAIN_EXAMPLES = 50_000
MAX_CATEGORIES = 100
MAX_WORDS = 1000
"""So many words of each column of texts count, the most frequent ones."""


def majority_class(class_counts: np.ndarray, num_examples: int) -> np.ndarray:
    """Give every example the classes' shares of the training split: probabilities (N, C)."""
    shares_C = np.asarray(class_counts, np.float64) / np.sum(class_counts)
    return np.tile(shares_C, (num_examples, 1))


def outcomes(dataset_folder: str | Path, manifest: Manifest, raw: Mapping[str, np.ndarray]) -> dict[str, Outcome]:
    """Return what simple models predict for held-out examples.

    Args:
        dataset_folder: The data set, whose training split the simple models learn from.
        manifest: The data set's manifest.
        raw: The held-out examples, as `raw_examples` gives them.
    """
    labels, task = raw["label"], manifest.task
    if task == Task.FORECASTING:
        window = manifest.window
        name = "seasonal naive" if 1 < window.season <= window.lookback else "last value"
        naive = seasonal_naive(raw["values"], horizon=window.horizon, season=window.season)
        return {name: Outcome(task, labels, naive, naive)}
    found = {}
    if task.is_classification:
        guesses = majority_class(manifest.splits["train"].class_counts, len(labels))
        found["majority class"] = Outcome(task, labels, guesses)
    else:
        mean = np.full(len(labels), manifest.data_schema.label.mean, np.float64)
        found["mean of the label"] = Outcome(task, labels, mean)
    if task != Task.IMAGE_CLASSIFICATION:
        name, predictions = _linear(dataset_folder, manifest, raw)
        found[name] = Outcome(task, labels, predictions)
    return found


def _linear(dataset_folder: str | Path, manifest: Manifest, raw: Mapping[str, np.ndarray]) -> tuple[str, np.ndarray]:
    from sklearn.linear_model import LogisticRegression, RidgeCV

    train = raw_examples(dataset_folder, "train", MAX_TRAIN_EXAMPLES)
    features_NF, held_out_NF = (design_matrix(manifest.data_schema, part) for part in (train, raw))
    if manifest.task == Task.TABULAR_REGRESSION:
        ridge = RidgeCV(alphas=np.logspace(-3, 3, 13)).fit(features_NF, train["label"])
        return "ridge regression", ridge.predict(held_out_NF)
    logistic = LogisticRegression(max_iter=1000).fit(features_NF, train["label"])
    probabilities_NC = np.zeros((held_out_NF.shape[0], len(manifest.data_schema.label.classes)))
    probabilities_NC[:, logistic.classes_.astype(int)] = logistic.predict_proba(held_out_NF)
    return "logistic regression", probabilities_NC


def design_matrix(schema: Schema, raw: Mapping[str, np.ndarray]) -> np.ndarray | csr_array:
    """Return standardised numbers (missing ones as the mean) and one column for each frequent category, (N, F).

    Where there are texts, their frequent words have a column each, 1 where a text has the word, and it is sparse.
    """
    columns = []
    for feature in schema.numeric:
        standard_N = (raw[feature.name].astype(np.float64) - feature.mean) / (feature.std or 1)
        columns.append(np.nan_to_num(standard_N, nan=0, posinf=0, neginf=0))
    for feature in schema.categorical:
        values_N = raw[feature.name].astype(str)
        columns += [(values_N == category).astype(np.float64) for category in feature.categories[:MAX_CATEGORIES]]
    num_examples = len(raw["label"])
    dense_NF = np.stack(columns, axis=1) if columns else np.zeros((num_examples, 1))
    if not schema.text:
        return dense_NF
    from scipy import sparse

    bags = [_bag_of_words(raw[feature.name], feature.vocabulary[:MAX_WORDS]) for feature in schema.text]
    return sparse.csr_array(sparse.hstack([sparse.csr_array(dense_NF), *bags]))


def _bag_of_words(texts_N: np.ndarray, vocabulary: Sequence[str]) -> csr_array:
    """Return which of the words each text has, 0 or 1, (N, num_words)."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from scipy import sparse

    found = words.split(pa.array(texts_N, pa.string()))
    places_W = pc.index_in(found.flatten(), value_set=pa.array(vocabulary, pa.string())).fill_null(-1).to_numpy()
    rows_W = np.repeat(np.arange(len(texts_N)), pc.list_value_length(found).to_numpy())
    known_W = places_W >= 0
    cells = np.unique(np.stack([rows_W[known_W], places_W[known_W]]), axis=1)
    return sparse.csr_array((np.ones(cells.shape[1]), cells), shape=(len(texts_N), max(1, len(vocabulary))))
