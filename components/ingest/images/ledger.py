"""What is known of each image after it was read, in a few bytes; and what that amounts to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from components.ingest.images.examining import Examined
from components.ingest.splitting import DIGEST
from estafet.records.manifest import Overlap, Shard, Split
from estafet.source_schema import ImageBounds

LEFT_OUT = -1


class Ledger:
    """One entry for each image, in the order of the source.

    Attributes:
        labels: The index of its class, int64 (N,).
        digests: Of its content, V16 (N,).
        shapes: Height, width and channels, int32 (N, 3).
        parts: Number of its part, int8 (N,), or `LEFT_OUT`.
        is_kept: Whether it is used, bool (N,).
    """

    def __init__(self, labels_N: np.ndarray):
        self.labels = labels_N
        self.digests = np.zeros(len(labels_N), DIGEST)
        self.shapes = np.zeros((len(labels_N), 3), np.int32)
        self.parts = np.full(len(labels_N), LEFT_OUT, np.int8)
        self.is_kept = np.ones(len(labels_N), bool)

    def add(self, examined: Examined) -> None:
        """Take in what some images are."""
        self.digests[examined.numbers] = examined.digests
        self.shapes[examined.numbers] = examined.shapes

    def image_shape(self) -> tuple[int, int, int]:
        """Return the shape of the first image that is used."""
        return tuple(self.shapes[np.argmax(self.is_kept)].tolist())

    def bounds(self) -> ImageBounds:
        """Return what all images that are used are like."""
        shapes = self.shapes[self.is_kept]
        low, high = shapes.min(axis=0).tolist(), shapes.max(axis=0).tolist()
        return ImageBounds(
            min_height=low[0],
            max_height=high[0],
            min_width=low[1],
            max_width=high[1],
            channels=tuple(np.unique(shapes[:, 2]).tolist()),
        )

    def splits(
        self, names: Sequence[str], shards: Mapping[str, tuple[Shard, ...]], num_classes: int
    ) -> dict[str, Split]:
        """Return the parts with their shards.

        Args:
            names: The parts' names.
            shards: For each its shards.
            num_classes: Number of classes.
        """
        counts = [np.bincount(self.labels[self.parts == i], minlength=num_classes) for i in range(len(names))]
        return {
            name: Split(shards=shards[name], num_examples=int(count.sum()), class_counts=tuple(count.tolist()))
            for name, count in zip(names, counts, strict=True)
        }

    def contents(self, names: Sequence[str]) -> dict[str, str]:
        """Return the fingerprint of each part's images and classes, whatever their order, in hexadecimal."""
        return {name: self._fingerprint(self.parts == i) for i, name in enumerate(names)}

    def num_duplicates(self) -> int:
        """Return how many images have the same content and class as another one before them."""
        contents_K = _numbered(*self._words()[self.is_kept].T)
        examples_K = _numbered(contents_K, self.labels[self.is_kept])
        return len(examples_K) - int(examples_K.max(initial=-1)) - 1

    def overlap(self, groups: Sequence[str] | None) -> Overlap:
        """Return what the parts have in common.

        Args:
            groups: For a split by groups, that of each image.
        """
        parts_K, contents_K = self.parts[self.is_kept], _numbered(*self._words()[self.is_kept].T)
        num_examples = int(_in_several(contents_K, parts_K)[contents_K].sum())
        if groups is None:
            return Overlap(examples=num_examples)
        numbers = {group: i for i, group in enumerate(dict.fromkeys(groups))}
        groups_K = np.array([numbers[group] for group in groups])[self.is_kept]
        return Overlap(examples=num_examples, groups=int(_in_several(groups_K, parts_K).sum()))

    def _words(self) -> np.ndarray:
        return self.digests.view(">u8").reshape(-1, 2).astype(np.uint64)

    def _fingerprint(self, chosen: np.ndarray) -> str:
        words_N2, labels_N = self._words()[chosen], self.labels[chosen]
        order = np.lexsort((labels_N, words_N2[:, 1], words_N2[:, 0]))
        digest = hashlib.sha256(self.digests[chosen][order].tobytes())
        digest.update(labels_N[order].astype("<i8").tobytes())
        return digest.hexdigest()


def _numbered(*keys: np.ndarray) -> np.ndarray:
    """Return for each of N rows the number, from 0, of its combination of keys; int64 (N,)."""
    order_N = np.lexsort(keys)
    is_new_N = np.ones(len(order_N), bool)
    is_new_N[1:] = np.any([key[order_N][1:] != key[order_N][:-1] for key in keys], axis=0)
    numbers_N = np.empty(len(order_N), np.int64)
    numbers_N[order_N] = np.cumsum(is_new_N) - 1
    return numbers_N


def _in_several(keys_N: np.ndarray, parts_N: np.ndarray) -> np.ndarray:
    """Return for each key, from 0, whether it occurs in more than one part; bool."""
    num_keys = int(keys_N.max(initial=-1)) + 1
    low, high = np.full(num_keys, 127, np.int8), np.full(num_keys, -1, np.int8)
    np.minimum.at(low, keys_N, parts_N)
    np.maximum.at(high, keys_N, parts_N)
    return low != high
