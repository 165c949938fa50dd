"""A bucket of rows becomes framed examples: sorted, divided among the splits, mixed by class, and encoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.columns import row_numbers
from components.ingest.rows.digest import coefficients
from components.ingest.rows.plan import Plan
from components.ingest.rows.rows import MISSING_INTEGER, Rows
from components.ingest.statistics import NumericStatistics, WordStatistics
from components.ingest.texts import TextStatistics
from estafet.records.encoding import encode, int_width

EXAMPLES_AT_ONCE = 65_536
NUM_PLACES = 2**16
FRAME_BYTES = 48
"""What an example takes beside its values, about: the frame, the keys and the label."""
MAX_EXACT_INTEGER = 2**24
"""Up to it float32 holds each whole number, and so does a row's digest."""


@dataclass(frozen=True)
class Columns:
    """What is known of the columns once all rows have been read.

    Attributes:
        numeric: Names of the features that are stored as floats.
        integers: Names of those that are stored as whole numbers.
        words: Names of those that are words, free text among them.
        texts: Names of those that are free text.
        moved: Which of the columns that were read as whole numbers have missing values, and so are stored as floats.
        large: For each of those columns the coefficient with which its values go into the digest once more, uint64; 0
            where they are stored as floats, or float32 holds them all.
        class_indices: For classification, the index of each class by its number in order of appearance.
        widths: Bytes of each integer key's varints, so that equal rows are equal bytes.
        layout: How rows become examples: vectors or columns.
        is_grouped: Whether a column keeps rows together.
    """

    numeric: tuple[str, ...]
    integers: tuple[str, ...]
    words: tuple[str, ...]
    texts: tuple[str, ...]
    moved: np.ndarray
    large: np.ndarray
    class_indices: np.ndarray | None
    widths: Mapping[str, int | tuple[int, ...]]
    layout: str
    is_grouped: bool = False

    @classmethod
    def known(
        cls,
        plan: Plan,
        lows_I: np.ndarray,
        highs_I: np.ndarray,
        has_missing_I: np.ndarray,
        texts: tuple[str, ...],
        class_indices: np.ndarray | None,
        layout: str,
    ) -> Columns:
        """Put together what is known.

        Args:
            plan: What each column is for.
            lows_I: The least value of each column of whole numbers.
            highs_I: The greatest.
            has_missing_I: Whether it has missing values.
            texts: As in the attributes.
            class_indices: As in the attributes.
            layout: As in the attributes.
        """
        kept = tuple(name for name, moves in zip(plan.integers, has_missing_I, strict=True) if not moves)
        bounds = {
            name: (int(low), int(high))
            for name, low, high in zip(plan.integers, lows_I, highs_I, strict=True)
            if name in kept
        }
        widths = {} if class_indices is None else {"label": int_width(0, max(0, int(class_indices.max(initial=0))))}
        if layout == "columns":
            widths |= {name: int_width(*bound) for name, bound in bounds.items()}
        elif bounds:
            widths["integers"] = tuple(int_width(*bound) for bound in bounds.values())
        moved = tuple(name for name in plan.integers if name not in kept)
        is_large_I = ~has_missing_I & ((lows_I < -MAX_EXACT_INTEGER) | (highs_I > MAX_EXACT_INTEGER))
        return cls(
            numeric=(*plan.numeric, *moved),
            integers=kept,
            words=plan.words,
            texts=texts,
            moved=has_missing_I,
            large=np.where(is_large_I, coefficients(plan.integers, seed=0)[:, 0], np.uint64(0)),
            class_indices=class_indices,
            widths=widths,
            layout=layout,
            is_grouped=bool(plan.group),
        )

    def word_statistics(self) -> tuple[WordStatistics | TextStatistics, ...]:
        """Return statistics of nothing yet, for each column of words."""
        return tuple(TextStatistics() if name in self.texts else WordStatistics() for name in self.words)

    @property
    def num_classes(self) -> int:
        """For classification, how many classes there are."""
        return int(self.class_indices.max(initial=-1)) + 1

    def told_apart(self, rows: Rows) -> Rows:
        """Return rows whose digests differ where large whole numbers do that are one as float32.

        The digest's first half, which decides about the split, stays as it is: to a model such rows are the same.
        """
        if not self.large.any():
            return rows
        digests_N2 = rows.digests.copy()
        digests_N2[:, 1] += rows.integers.view(np.uint64) @ self.large
        return replace(rows, digests=digests_N2)

    def arranged(self, rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the floats (N, F), the whole numbers (N, I) and the labels (N,) of some rows as they are stored."""
        numeric_NF, integers_NI, labels_N = rows.numeric, rows.integers, rows.labels
        if self.moved.any():
            moved = integers_NI[:, self.moved]
            floats = np.where(moved == MISSING_INTEGER, np.float32(np.nan), moved.astype(np.float32))
            numeric_NF, integers_NI = np.concatenate([numeric_NF, floats], axis=1), integers_NI[:, ~self.moved]
        if self.class_indices is not None:
            labels_N = self.class_indices[labels_N]
        return numeric_NF, integers_NI, labels_N


@dataclass(frozen=True)
class PartOfBucket:
    """The examples of one split in one bucket.

    Attributes:
        framed: Their records, in pieces, each with its number of examples.
        contents: Digest and label of each, by rising digest.
        class_counts: For classification, examples of each class.
        groups: Where a column keeps rows together, what decided about their split, each value once.
    """

    framed: tuple[tuple[bytes, int], ...]
    contents: bytes
    class_counts: np.ndarray | None
    groups: np.ndarray | None


@dataclass(frozen=True)
class EncodedBucket:
    """One bucket.

    Attributes:
        parts: By the number of the part; those without examples are left out.
        numbers: Statistics of the training examples' numbers, and last of the label.
        words: The same for each column of words.
        num_duplicates: Rows with the same content and label as another one.
        num_overlapping: Rows of whose content a duplicate is in another part.
    """

    parts: Mapping[int, PartOfBucket]
    numbers: NumericStatistics
    words: tuple[WordStatistics | TextStatistics, ...]
    num_duplicates: int
    num_overlapping: int


def encode_bucket(
    rows: Rows,
    divide: Callable[[Rows], np.ndarray],
    columns: Columns,
    training: tuple[int, ...],
    piece_bytes: int,
) -> EncodedBucket:
    """Encode the rows of a bucket.

    Within each part the classes are mixed evenly, so that any first stretch of it is a stratified sample.

    Args:
        rows: The rows, in no particular order.
        divide: Gives rows by rising digest, which lack their features, the numbers of their parts, int8 (N,).
        columns: What is known of the columns.
        training: Numbers of the parts whose statistics go into the schema.
        piece_bytes: About how large a piece of a part may be; it goes into one shard.
    """
    at_once = max(1, min(EXAMPLES_AT_ONCE, piece_bytes * len(rows) // _num_bytes(rows)))
    stored = _Stored(*columns.arranged(rows), rows.words)
    order_N = rows.order()
    outline, labels_N = rows.outline(order_N), stored.labels[order_N]
    parts_N = divide(outline)
    numbers = NumericStatistics(len(columns.numeric) + len(columns.integers) + 1)
    words = columns.word_statistics()
    parts = {}
    for part in np.unique(parts_N).tolist():
        chosen = np.flatnonzero(parts_N == part)
        labels = labels_N[chosen]
        mixed = chosen[_mixed(labels)] if columns.class_indices is not None else chosen
        framed = []
        for some in np.split(mixed, range(at_once, len(mixed), at_once)):
            piece = stored.take(order_N[some])
            framed.append((encode(piece.columns(columns), widths=columns.widths), len(some)))
            if part in training:
                numbers.add(piece.numeric, piece.integers, piece.labels[:, None])
                for statistics, column in zip(words, piece.words, strict=True):
                    statistics.add(column)
        parts[part] = PartOfBucket(
            tuple(framed),
            _contents(outline.digests[chosen], labels),
            None if columns.class_indices is None else np.bincount(labels, minlength=columns.num_classes),
            np.unique(outline.draws[chosen]) if columns.is_grouped else None,
        )
    return EncodedBucket(parts, numbers, words, *_duplicates(outline.digests, parts_N))


def _num_bytes(rows: Rows) -> int:
    """Return about how many bytes the examples of some rows take, which hangs on their values alone."""
    words = sum(pc.sum(pc.binary_length(column)).as_py() or 0 for column in rows.words)
    return len(rows) * FRAME_BYTES + rows.numeric.nbytes + rows.integers.nbytes + words


@dataclass(frozen=True)
class _Stored:
    """The values of some rows as they are stored: floats (N, F), whole numbers (N, I), labels (N,), words each (N,)."""

    numeric: np.ndarray
    integers: np.ndarray
    labels: np.ndarray
    words: tuple[pa.Array, ...]

    def take(self, chosen: np.ndarray) -> _Stored:
        words = tuple(column.take(row_numbers(chosen)) for column in self.words)
        numbers = (array.take(chosen, axis=0) for array in (self.numeric, self.integers, self.labels))
        return _Stored(*numbers, words)

    def columns(self, known: Columns) -> dict[str, object]:
        """Return the keys of an example, each with its values."""
        if known.layout == "columns":
            return {
                "label": self.labels,
                **{name: self.numeric[:, i] for i, name in enumerate(known.numeric)},
                **{name: self.integers[:, i] for i, name in enumerate(known.integers)},
                **{name: [words] for name, words in zip(known.words, self.words, strict=True)},
            }
        named = list(zip(known.words, self.words, strict=True))
        vectors = {
            "label": self.labels,
            **({"numeric": self.numeric} if known.numeric else {}),
            **({"integers": self.integers} if known.integers else {}),
            "categorical": [words for name, words in named if name not in known.texts],
            "text": [words for name, words in named if name in known.texts],
        }
        return {key: values for key, values in vectors.items() if len(values)}


def _contents(digests_N2: np.ndarray, labels_N: np.ndarray) -> bytes:
    contents_N = np.empty(len(labels_N), [("digest", "<u8", 2), ("label", labels_N.dtype.newbyteorder("<"))])
    contents_N["digest"], contents_N["label"] = digests_N2, labels_N
    return contents_N.tobytes()


def _mixed(labels_N: np.ndarray) -> np.ndarray:
    """Return an order in which each class is spread evenly, int64 (N,)."""
    # Numbers of two bytes, which NumPy sorts by radix, many times faster than others.
    order_N = np.argsort(labels_N.astype(np.uint16), kind="stable")
    counts = np.bincount(labels_N)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    progress_N = np.empty(len(labels_N), np.uint16)
    progress_N[order_N] = (np.arange(len(labels_N)) - starts) / np.repeat(counts, counts) * NUM_PLACES
    return np.argsort(progress_N, kind="stable")


def _duplicates(digests_N2: np.ndarray, parts_N: np.ndarray) -> tuple[int, int]:
    """Return how many rows repeat an earlier one, and how many have a duplicate in another part."""
    is_same_N = np.all(digests_N2[1:] == digests_N2[:-1], axis=1)
    if not is_same_N.any():
        return 0, 0
    starts = np.flatnonzero(np.r_[True, ~is_same_N])
    straddles = np.minimum.reduceat(parts_N, starts) != np.maximum.reduceat(parts_N, starts)
    sizes = np.diff(np.r_[starts, len(parts_N)])
    return int(is_same_N.sum()), int(sizes[straddles].sum())
