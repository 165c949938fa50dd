"""The label of each row: a class, numbered in order of appearance until all are known, or a number."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.batches import Batch, Problem
from components.ingest.features import is_numeric, numbers
from components.ingest.labels import number_as_name
from components.ingest.rows.digest import codes, word_number
from estafet.errors import DataError

MAX_FRACTIONAL_CLASSES = 50
MAX_CLASSES = 50_000
NUM_SHOWN = 5
NO_LABEL = "the label is missing"


@dataclass(frozen=True)
class BatchLabels:
    """The labels of one batch.

    Attributes:
        names: For classification the distinct classes of the batch, "" for a missing one.
        values: The index into `names`, int64, or the number to predict, float32; (N,).
        digests: What each label adds to the row's digest, uint64 (N,).
        problems: Rows without a usable label.
    """

    names: tuple[str, ...]
    values: np.ndarray
    digests: np.ndarray
    problems: tuple[Problem, ...]


def class_labels(batch: Batch, name: str) -> BatchLabels:
    """Return the class of each row as text; whole numbers are written without a fraction: 1 and 1.0 are one class."""
    encoded = _encoded(batch.columns.column(name))
    written = [_as_name(value) for value in encoded.dictionary.to_pylist()]
    names = tuple(dict.fromkeys([*written, ""]))
    position = {known: i for i, known in enumerate(names)}
    values_N = np.array([position[each] for each in [*written, ""]], np.int64)[codes(encoded)]
    digests_N = np.array([word_number(known) for known in names], np.uint64)[values_N]
    missing = np.flatnonzero(values_N == position[""])
    return BatchLabels(names, values_N, digests_N, _problems(name, missing, missing[:0], {}))


def target_labels(batch: Batch, name: str) -> BatchLabels:
    """Return the number to predict for each row."""
    column, bad = batch.columns.column(name), {}
    values_N, bad = (numbers(column), {}) if is_numeric(column.type) else _parsed(column)
    with np.errstate(over="ignore"):
        values_N = values_N.astype(np.float32) + np.float32(0)
    missing = np.setdiff1d(np.flatnonzero(np.isnan(values_N)), list(bad))
    digests_N = values_N.view(np.uint32).astype(np.uint64)
    return BatchLabels((), values_N, digests_N, _problems(name, missing, np.flatnonzero(np.isinf(values_N)), bad))


@dataclass
class Classes:
    """The classes of a whole table, in order of appearance.

    Attributes:
        name: The label's column.
        indices: For each class its number.
    """

    name: str
    indices: dict[str, int] = field(default_factory=dict)

    def add(self, names: tuple[str, ...]) -> np.ndarray:
        """Take in the classes of a batch and return the number of each, int32 (num_names,).

        Raises:
            DataError: There are so many that they are no classes.
        """
        numbers = [self.indices.setdefault(name, len(self.indices)) for name in names]
        self._check()
        return np.array(numbers, np.int32)

    def _check(self) -> None:
        if len(self.indices) > MAX_FRACTIONAL_CLASSES + 1:
            self._check_fractions()
        if len(self.indices) > MAX_CLASSES:
            shown = ", ".join(map(repr, list(self.indices)[:NUM_SHOWN]))
            raise DataError(
                f"the label '{self.name}' holds more than {MAX_CLASSES:,} different values ({shown}, …); "
                "those are no classes.",
                hint="correct data.label, or set task: tabular_regression where it is a number.",
            )

    def _check_fractions(self) -> None:
        try:
            values = np.sort([float(name) for name in self.indices if name])
        except ValueError:
            return
        if np.any(values % 1):
            raise DataError(
                f"the label '{self.name}' holds {len(values):,} or more different numbers with fractions, from "
                f"{values[0]:g} to {values[-1]:g}; those are no classes.",
                hint="set task: tabular_regression, or correct data.label.",
            )


def check_targets(name: str, num_words: int, num_rows: int, shown: list[str]) -> None:
    """Refuse labels that are to be numbers and are mostly words.

    Args:
        name: The label's column.
        num_words: How many rows have a word in place of a number.
        num_rows: How many there are.
        shown: Some of those words, or of what is wrong with them.

    Raises:
        DataError: They are more than half.
    """
    if num_words > num_rows / 2:
        raise DataError(
            f"the label '{name}' is to be a number, and {num_words:,} of {num_rows:,} rows hold none: "
            f"{'; '.join(shown[:NUM_SHOWN])}.",
            hint="set task: tabular_classification, or correct data.label.",
        )


def _encoded(column: pa.Array) -> pa.DictionaryArray:
    if pa.types.is_dictionary(column.type):
        return column
    if pa.types.is_integer(column.type):
        return pc.dictionary_encode(column)
    if not pa.types.is_boolean(column.type) and is_numeric(column.type):
        return pc.dictionary_encode(pc.cast(column, pa.float64(), safe=False))
    return pc.dictionary_encode(column.cast(pa.string()))


def _as_name(value: object) -> str:
    if value is None:
        return ""
    return number_as_name(value) if isinstance(value, float) else str(value).strip()


def _parsed(column: pa.Array) -> tuple[np.ndarray, dict[int, str]]:
    encoded = _encoded(column)
    known, words = [], {}
    for i, text in enumerate(encoded.dictionary.to_pylist()):
        known.append(np.nan)
        if text is None or not str(text).strip():
            continue
        try:
            known[-1] = float(text)
        except ValueError:
            words[i] = f"the label {text!r} is no number"
    which_N = codes(encoded)
    bad = np.flatnonzero(np.isin(which_N, list(words)))
    return np.array([*known, np.nan])[which_N], {int(row): words[which_N[row]] for row in bad}


def _problems(name: str, missing: np.ndarray, infinite: np.ndarray, bad: dict[int, str]) -> tuple[Problem, ...]:
    wrong = np.array(sorted(bad), np.int64)
    found = (
        Problem("missing_label", name, missing, lambda i: NO_LABEL, unusable=True),
        Problem("infinite", name, infinite, lambda i: "the label is infinite", unusable=True),
        Problem("type", name, wrong, lambda i: bad[int(wrong[i])], unusable=True),
    )
    return tuple(problem for problem in found if len(problem.rows))
