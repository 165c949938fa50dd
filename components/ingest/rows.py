"""Tables for classification and regression: rows to examples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from components.ingest.examples import Examples, check_bad_share
from components.ingest.features import divide, feature_names, numeric_matrix, word_matrix
from components.ingest.labels import class_names, in_order, indices, regression_targets
from components.ingest.splitting import digests
from components.ingest.tables import Table
from components.ingest.times import seconds
from estafet.errors import ConfigError
from estafet.records.manifest import BadExample
from estafet.runfile.steps import IngestSettings

ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Features:
    """The features of all usable rows.

    Attributes:
        numeric_names: Names of the columns of numbers.
        numeric: Their values, float32, missing ones as NaN.
        categorical_names: Names of the columns of words.
        categorical: Their values, objects of type bytes, missing ones empty.
    """

    numeric_names: list[str]
    numeric: np.ndarray
    categorical_names: list[str]
    categorical: np.ndarray


def examples_from(table: Table, settings: IngestSettings) -> tuple[Examples, Features]:
    """Turn a table into examples, leaving out the rows without a usable label.

    Raises:
        ConfigError: The run file names a column that is not there, or none as the label.
        DataError: The label does not suit the task, or too many rows have none.
    """
    columns = table.columns
    if settings.label is None and "label" not in columns.column_names:
        names = ", ".join(columns.column_names[:10])
        raise ConfigError("data.label names no column to predict.", hint=f"set it to one of: {names}.")
    settings = settings if settings.label else settings.model_copy(update={"label": "label"})
    names = feature_names(columns.column_names, settings)
    numeric_names, categorical_names = divide(columns, names)
    if not names:
        raise ConfigError("no column is left to learn from.", hint="check data.features and data.ignore.")
    read_labels = class_names if settings.task.is_classification else regression_targets
    labels_N, reasons = read_labels(columns.column(settings.label), settings.label)
    bad = [BadExample(where=table.where(row), reason=reasons[row]) for row in sorted(reasons)]
    check_bad_share(bad, len(columns), settings.max_bad_share, what="rows")

    keep = np.setdiff1d(np.arange(len(columns)), list(reasons)).astype(np.int64)
    kept = columns.take(keep) if reasons else columns
    features = Features(
        numeric_names, numeric_matrix(kept, numeric_names), categorical_names, word_matrix(kept, categorical_names)
    )
    contents = _contents(features, labels_N[keep])
    classes = in_order(labels_N[keep]) if settings.task.is_classification else None
    labels_N = indices(labels_N[keep], classes) if classes else labels_N[keep]
    examples = Examples(
        digests=digests(contents, settings.split.seed),
        labels=labels_N,
        classes=classes,
        columns=lambda chosen: _columns(features, labels_N, chosen),
        chunk=ROWS_AT_ONCE,
        bad=tuple(bad),
        times=seconds(kept.column(settings.time), settings.time, table.where) if settings.time else None,
    )
    return examples, features


def _columns(features: Features, labels_N: np.ndarray, chosen: np.ndarray) -> dict[str, np.ndarray]:
    columns = {"label": labels_N[chosen]}
    if features.numeric_names:
        columns["numeric"] = features.numeric[chosen]
    if features.categorical_names:
        columns["categorical"] = features.categorical[chosen]
    return columns


def _contents(features: Features, labels_N: np.ndarray) -> Iterator[bytes]:
    """Give each row's values in one unambiguous form: numbers, words with their lengths, label."""
    numbers, num_bytes = features.numeric.tobytes(), features.numeric.itemsize * len(features.numeric_names)
    for row, (words, label) in enumerate(zip(features.categorical.tolist(), labels_N.tolist(), strict=True)):
        of_words = b"".join([b"%d:%s" % (len(word), word) for word in words])
        yield numbers[row * num_bytes : (row + 1) * num_bytes] + of_words + str(label).encode()
