"""What all buckets of a table amount to: examples of each part, statistics, fingerprints, and what parts share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from components.ingest.rows.encoding import Columns, EncodedBucket
from components.ingest.statistics import NumericStatistics
from estafet.records.manifest import Shard, Split
from estafet.schema import Label, Schema

MIN_GROUPS_JOINED = 1_000_000


class Totals:
    """Adds buckets up, in their order.

    Attributes:
        num_rows: Rows so far.
        num_duplicates: Rows with the same content and label as another one.
        num_overlapping: Rows of whose content a duplicate is in another part.
    """

    def __init__(self, columns: Columns, names: tuple[str, ...], classes: tuple[str, ...] | None):
        """Begin with nothing.

        Args:
            columns: What is known of the columns.
            names: The parts.
            classes: For classification, the classes in order.
        """
        self.num_rows = self.num_duplicates = self.num_overlapping = 0
        self._columns, self._names, self._classes = columns, names, classes
        num_numbers = len(columns.numeric) + len(columns.integers) + 1
        self._numbers = NumericStatistics(num_numbers)
        self._words = columns.word_statistics()
        self._counts = np.zeros(len(names), np.int64)
        self._class_counts = np.zeros((len(names), len(classes or ())), np.int64)
        self._digests = [hashlib.sha256() for _ in names]
        self._groups: list[list[np.ndarray]] = [[] for _ in names]

    def add(self, bucket: EncodedBucket) -> None:
        """Add a bucket."""
        self._numbers.merge(bucket.numbers)
        for own, other in zip(self._words, bucket.words, strict=True):
            own.merge(other)
        for number, part in bucket.parts.items():
            num_examples = sum(num for _, num in part.framed)
            self._counts[number] += num_examples
            self.num_rows += num_examples
            if part.class_counts is not None:
                self._class_counts[number] += part.class_counts
            self._digests[number].update(part.contents)
            if part.groups is not None:
                self._add_groups(self._groups[number], part.groups)
        self.num_duplicates += bucket.num_duplicates
        self.num_overlapping += bucket.num_overlapping

    def parts(self, shards: Mapping[str, tuple[Shard, ...]]) -> dict[str, Split]:
        """Return the parts with their shards."""
        return {
            name: Split(
                shards=shards[name],
                num_examples=int(self._counts[i]),
                class_counts=None if self._classes is None else tuple(self._class_counts[i].tolist()),
            )
            for i, name in enumerate(self._names)
        }

    def contents(self) -> dict[str, str]:
        """Return the fingerprint of each part's examples, in hexadecimal."""
        return {name: digest.hexdigest() for name, digest in zip(self._names, self._digests, strict=True)}

    def schema(self, label: str) -> Schema:
        """Return the schema, with the statistics of the training examples.

        Args:
            label: Name of the label.
        """
        columns, num_floats = self._columns, len(self._columns.numeric)
        names = (*columns.numeric, *columns.integers, label)
        features = self._numbers.features(names)
        *numbers, target = features
        stored = [feature.model_copy(update={"storage": "int"}) for feature in numbers[num_floats:]]
        words = [found.feature(name) for found, name in zip(self._words, columns.words, strict=True)]
        moments = {} if self._classes is not None else {"mean": target.mean, "std": target.std}
        return Schema(
            numeric=(*numbers[:num_floats], *stored),
            categorical=tuple(feature for feature in words if feature.name not in columns.texts),
            text=tuple(feature for feature in words if feature.name in columns.texts),
            label=Label(name=label, classes=self._classes, **moments),
        )

    def num_shared_groups(self) -> int:
        """Return how many groups have rows in several parts."""
        apart = [np.unique(np.concatenate(groups)) for groups in self._groups if groups]
        everything = np.concatenate(apart) if apart else np.zeros(0)
        return len(everything) - len(np.unique(everything)) if len(everything) else 0

    @staticmethod
    def _add_groups(known: list[np.ndarray], groups: np.ndarray) -> None:
        """Keep each group once, nearly: a large group has rows in every bucket."""
        known.append(groups)
        if sum(map(len, known)) > max(MIN_GROUPS_JOINED, 2 * len(known[0])):
            known[:] = [np.unique(np.concatenate(known))]
