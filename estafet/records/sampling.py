"""Which records a share of a split is made of: the newest, a part of each class, or some of all that a seed draws."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from estafet.errors import ConfigError
from estafet.records.manifest import Manifest, Split
from estafet.records.selection import Selection, chosen, select
from estafet.runfile.tasks import Task

By = Literal["newest", "stratified", "random"]
NUM_PARSED_AT_ONCE = 2**12


def check(manifest: Manifest, by: By | None) -> None:
    """Look whether a share of a data set can be taken so.

    Raises:
        ConfigError: The newest of records that have no time, or a part of each class where there are none.
    """
    task = manifest.task
    if by == "newest" and task != Task.FORECASTING:
        raise ConfigError(
            f"a share of {task} cannot be its newest examples: the records keep no time.",
            hint=f"set by: {'stratified' if task.is_classification else 'random'}, or auto.",
        )
    if by == "stratified" and not task.is_classification:
        raise ConfigError(
            f"a share of {task} cannot be stratified: there are no classes.",
            hint=f"set by: {'newest' if task == Task.FORECASTING else 'random'}, or auto.",
        )


def quotas(class_counts: tuple[int, ...], share: float) -> np.ndarray:
    """Return how many examples of each class a stratified share has, int64 (C,): the nearest number, half to even.

    Where that were none at all, it is one of the most frequent class.

    Args:
        class_counts: Number of examples of each class.
        share: Above 0 up to 1.
    """
    counts_C = np.asarray(class_counts, np.float64)
    quotas_C = np.rint(share * counts_C).astype(np.int64)
    if not quotas_C.any():
        quotas_C[counts_C.argmax()] = 1
    return quotas_C


def drawn(total: int, num: int, seed: int) -> np.ndarray:
    """Return `num` of the numbers from 0 to `total` - 1, rising, int64; a larger `num` keeps those of a smaller one."""
    return np.sort(np.random.default_rng(seed).permutation(total)[:num])


def take(
    folder: Path, manifest: Manifest, found: Split, num_examples: int, share: float, by: By | None, seed: int
) -> Selection:
    """Return the records of a share of a split of a table or of images.

    Args:
        folder: The data set's folder.
        manifest: Its manifest.
        found: The split.
        num_examples: How many records that share has.
        share: Above 0 up to 1.
        by: How they are chosen; None for the first ones in stored order. Stratified takes the first of each class, and
            a larger share, stratified or random, keeps the records of a smaller one.
        seed: Decides about a random share.
    """
    if by is None or num_examples == found.num_examples:
        return select(folder, found, num_examples)
    if by == "random":
        return chosen(folder, found, drawn(found.num_examples, num_examples, seed))
    return chosen(folder, found, _first_of_each_class(folder, manifest.compression, found, share))


def class_counts(
    folder: Path, manifest: Manifest, found: Split, share: float, by: By | None, seed: int
) -> tuple[int, ...]:
    """Return how many examples of each class a share of a split for classification has; only labels are read."""
    if by == "stratified":
        return tuple(quotas(found.class_counts, share).tolist())
    total = max(1, round(share * found.num_examples))
    selection = take(folder, manifest, found, total, share, by, seed)
    counts_C = np.zeros(len(found.class_counts), np.int64)
    for labels_N in _labels(selection, manifest.compression):
        counts_C += np.bincount(labels_N, minlength=len(counts_C))
    return tuple(counts_C.tolist())


@lru_cache(maxsize=16)
def _first_of_each_class(folder: Path, compression: str, found: Split, share: float) -> np.ndarray:
    """Return the places of a stratified share's records among all records of a split, rising, int64.

    The labels are read until each class has its examples. Since classes are mixed in the shards, that is little more
    than the share itself.
    """
    left_C, places, done = quotas(found.class_counts, share), [], 0
    for labels_N in _labels(select(folder, found), compression):
        of_part = [np.flatnonzero(labels_N == label)[: left_C[label]] for label in np.flatnonzero(left_C)]
        taken = np.sort(np.concatenate(of_part))
        left_C -= np.bincount(labels_N[taken], minlength=len(left_C))
        places.append(done + taken)
        done += len(labels_N)
        if not left_C.any():
            break
    return np.concatenate(places)


def _labels(selection: Selection, compression: str) -> Iterator[np.ndarray]:
    """Yield the classes of some records, int64 (N,), some thousand at a time."""
    import tensorflow as tf

    from estafet.records.stream import Stream

    layout = {"label": tf.io.FixedLenFeature((), tf.int64)}
    records = Stream(selection, compression).in_order().batch(NUM_PARSED_AT_ONCE)
    yield from records.map(lambda batch: tf.io.parse_example(batch, layout)["label"]).as_numpy_iterator()
