"""Which split each example belongs to, and in which order a split is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from components.ingest.examples import Examples
from estafet.errors import ConfigError, DataError
from estafet.records.reading import SPLITS
from estafet.runfile.data import Data, Split

DIGEST = np.dtype("V16")


def digests(contents: Iterable[bytes], seed: int) -> np.ndarray:
    """Return a digest of each content, salted with the seed: dtype V16 (N,).

    It depends on nothing else, so exact duplicates share it and adding rows changes no other.
    """
    salted = hashlib.blake2b(f"{seed}|".encode(), digest_size=DIGEST.itemsize)

    def digest(content: bytes) -> bytes:
        own = salted.copy()
        own.update(content)
        return own.digest()

    return np.frombuffer(b"".join(map(digest, contents)), DIGEST)


def split_examples(examples: Examples, settings: Data) -> dict[str, np.ndarray]:
    """Return the numbers of the examples of each split, int64, in the order in which they are written.

    The order mixes the classes: any first part of a split is a stratified sample of it, drawn by digest, with at least
    one example of each class where it is long enough.

    Raises:
        DataError: A split that should hold something is empty, or the training split holds one class.
        ConfigError: A split by time lacks `data.time`.
    """
    shares = settings.split
    if shares.by == "time":
        if examples.times is None:
            raise ConfigError("data.split.by is 'time', and no column holds the time.", hint="set data.time.")
        parts = _by_time(examples.times, shares)
    else:
        parts = _by_digest(examples.digests, shares)
    for split in SPLITS:
        if getattr(shares, split) > 0 and len(parts[split]) == 0:
            raise DataError(
                f"the {split} split is empty: {len(examples):,} examples are too few for a share of "
                f"{getattr(shares, split):g}.",
                hint=f"bring more data, give data.split.{split} a larger share, or try another data.split.seed.",
            )
    if examples.classes is not None:
        _check_classes(examples, parts["train"], settings)
    return {split: members[_mixed_order(examples, members)] for split, members in parts.items()}


def _by_digest(digests_N: np.ndarray, shares: Split) -> dict[str, np.ndarray]:
    first_N = digests_N.view(">u8").reshape(-1, 2)[:, 0]
    draws_N = first_N / 2.0**64
    is_test_N = draws_N < shares.test
    is_validation_N = ~is_test_N & (draws_N < shares.test + shares.validation)
    members = {"train": ~is_test_N & ~is_validation_N, "validation": is_validation_N, "test": is_test_N}
    return {split: np.flatnonzero(is_member) for split, is_member in members.items()}


def _by_time(times_N: np.ndarray, shares: Split) -> dict[str, np.ndarray]:
    order_N = np.argsort(times_N, kind="stable")
    num_train, num_validation = lengths_by_time(len(times_N), shares)
    train, validation, test = np.split(order_N, [num_train, num_train + num_validation])
    return {"train": train, "validation": validation, "test": test}


def lengths_by_time(num_rows: int, shares: Split) -> tuple[int, int]:
    """Return how many of the oldest rows are for training, and how many after them for validation."""
    num_test = round(num_rows * shares.test)
    num_validation = round(num_rows * shares.validation)
    return num_rows - num_validation - num_test, num_validation


def _check_classes(examples: Examples, train: np.ndarray, settings: Data) -> None:
    present = np.unique(examples.labels[train])
    if len(present) >= 2:
        return
    found = ", ".join(map(repr, (examples.classes[i] for i in present)))
    where = f"the label '{settings.label}'" if settings.label else "the data set"
    raise DataError(
        f"{where} holds {len(present)} class in the training split ({found}); a classifier needs at least 2.",
        hint="check data.label and data.source.",
    )


def _mixed_order(examples: Examples, members: np.ndarray) -> np.ndarray:
    words_N2 = examples.digests[members].view(">u8").reshape(-1, 2)
    by_digest = np.lexsort((words_N2[:, 0], words_N2[:, 1]))
    if examples.classes is None:
        return by_digest
    labels_N = examples.labels[members][by_digest]
    progress_N = np.empty(len(members))
    for label in np.unique(labels_N):
        of_class = np.flatnonzero(labels_N == label)
        progress_N[of_class] = np.arange(len(of_class)) / len(of_class)
    return by_digest[np.argsort(progress_N, kind="stable")]
