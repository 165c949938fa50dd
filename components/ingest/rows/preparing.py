"""A batch of a table becomes rows: its values as arrays, a digest of each row, and what is wrong with some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.batches import Batch, Problem
from components.ingest.columns import is_known
from components.ingest.features import integer_matrix, numeric_matrix, words
from components.ingest.quality.profile import TableProfile
from components.ingest.quality.validation import Validator
from components.ingest.rows.digest import RowDigest, codes, word_numbers
from components.ingest.rows.labels import class_labels, target_labels
from components.ingest.rows.plan import Plan
from components.ingest.rows.rows import MISSING_INTEGER, Rows
from components.ingest.splitting import digests, draws
from estafet.errors import DataError
from estafet.runfile.steps import IngestSettings


@dataclass(frozen=True)
class Prepared:
    """What a batch has become.

    Attributes:
        batch: The batch.
        rows: Its rows by rising digest; of classes, `labels` are still numbered as in `classes`.
        order: The place of each row in the batch.
        classes: For classification the distinct classes of the batch, "" for a missing one.
        label_problems: Rows without a usable label.
        problems: What else is wrong with some rows, beside what the reader found.
        profile: What the columns are like.
    """

    batch: Batch
    rows: Rows
    order: np.ndarray
    classes: tuple[str, ...]
    label_problems: tuple[Problem, ...]
    problems: tuple[Problem, ...]
    profile: TableProfile


class Preparer:
    """Prepares batches of one table, in any thread."""

    def __init__(self, plan: Plan, settings: IngestSettings, validator: Validator):
        """Prepare to prepare.

        Args:
            plan: What each column is for.
            settings: The step's settings.
            validator: Knows what the data must be like.
        """
        self._plan, self._settings, self._validator = plan, settings, validator
        self._digest = RowDigest((*plan.numeric, *plan.integers), plan.words, plan.label, settings.split.seed)
        self._read_labels = class_labels if settings.task.is_classification else target_labels

    def __call__(self, batch: Batch) -> Prepared:
        """Prepare one batch.

        Raises:
            DataError: A column holds text that is not UTF-8.
        """
        try:
            return self._prepared(batch)
        except UnicodeDecodeError as error:
            raise _not_utf8(batch) from error

    def _prepared(self, batch: Batch) -> Prepared:
        plan, columns = self._plan, batch.columns
        labels = self._read_labels(batch, plan.label)
        numeric_NF = numeric_matrix(columns, plan.numeric)
        integers_NI = integer_matrix(columns, plan.integers, MISSING_INTEGER)
        texts = tuple(words(columns.column(name)) for name in plan.words)
        numbers = [word_numbers(text) for text in texts]
        is_missing_NI = integers_NI == MISSING_INTEGER
        digests_N2 = self._digest.digests(
            _side_by_side(numeric_NF, integers_NI, is_missing_NI), numbers, labels.digests
        )
        problems = [*self._validator.problems(batch), *_too_low(columns, plan.integers, is_missing_NI)]
        draws_N = digests_N2[:, 0]
        if plan.group:
            draws_N, without = self._groups(columns.column(plan.group))
            if len(without):
                problems.append(Problem("missing", plan.group, without, lambda i: "its group is missing", True))
        rows = Rows(digests_N2, draws_N, labels.values, numeric_NF, integers_NI, texts)
        order = np.argsort(digests_N2[:, 0])
        profile = TableProfile(num_sampled=0)
        profile.add(self._validator.used(columns))
        return Prepared(batch, rows.take(order), order, labels.names, labels.problems, tuple(problems), profile)

    def _groups(self, column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """Return what decides about each row's split, uint64 (N,), and the rows that belong to no group."""
        encoded = pc.dictionary_encode(column.cast(pa.string()))
        names = [(name or "").strip().encode() for name in encoded.dictionary.to_pylist()]
        numbers = draws(digests([*names, b""], self._settings.split.seed))
        which_N = codes(encoded)
        is_none = np.array([not name for name in [*names, b""]])
        return numbers[which_N], np.flatnonzero(is_none[which_N])


def _not_utf8(batch: Batch) -> DataError:
    """Say which column it is; Arrow takes the text of Parquet files as it comes."""
    broken = [name for name in batch.columns.schema.names if not _is_sound(batch.columns.column(name))]
    return DataError(
        f"the column '{', '.join(broken)}' of '{batch.file}' holds text that is not UTF-8, in "
        f"{batch.where(0)} or the {len(batch) - 1:,} rows after it.",
        hint=f"write it again as UTF-8, or put it in data.ignore: [{', '.join(broken)}].",
    )


def _is_sound(column: pa.Array) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _side_by_side(numeric_NF: np.ndarray, integers_NI: np.ndarray, is_missing_NI: np.ndarray) -> np.ndarray:
    if not integers_NI.shape[1]:
        return numeric_NF
    whole_NI = np.where(is_missing_NI, np.float32(np.nan), integers_NI.astype(np.float32))
    return np.concatenate([numeric_NF, whole_NI], axis=1)


def _too_low(columns: pa.RecordBatch, names: Sequence[str], is_missing_NI: np.ndarray) -> Iterator[Problem]:
    """Find the one whole number that cannot be told from a missing one."""
    if is_missing_NI.any():
        for i, name in enumerate(names):
            rows = np.flatnonzero(is_missing_NI[:, i] & is_known(columns.column(name)))
            if len(rows):
                yield Problem("range", name, rows, lambda i: f"{MISSING_INTEGER} is too low for a whole number here")
