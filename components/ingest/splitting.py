"""Which split or fold each example belongs to: decided by a digest, so that no duplicate straddles two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from estafet.runfile.data import Split

DIGEST = np.dtype("V16")


def part_names(shares: Split) -> tuple[str, ...]:
    """Return the parts that examples are divided into: the folds and `test`, or the three splits."""
    if shares.k_folds:
        return (*(f"fold-{i}" for i in range(shares.k_folds)), "test")
    return ("train", "validation", "test")


def digests(contents: Iterable[bytes], seed: int) -> np.ndarray:
    """Return a digest of each content, salted with the seed: dtype V16 (N,), the first half of SHA-256.

    It depends on nothing else, so exact duplicates share it and adding examples changes no other. Most processors have
    instructions for SHA-256, which make it twice as fast as BLAKE2b.
    """
    salted = hashlib.sha256(f"{seed}|".encode())

    def digest(content: bytes) -> bytes:
        own = salted.copy()
        own.update(content)
        return own.digest()[: DIGEST.itemsize]

    return np.frombuffer(b"".join(map(digest, contents)), DIGEST)


def draws(digests_N: np.ndarray) -> np.ndarray:
    """Return for each digest the number that decides about its split: its first eight bytes, uint64 (N,)."""
    return digests_N.view(">u8").reshape(-1, 2)[:, 0].astype(np.uint64)


class Divider:
    """Gives examples their parts, in one go or in several with rising draws."""

    def __init__(self, shares: Split, class_totals: Sequence[int] | None = None):
        """Prepare to divide.

        Args:
            shares: The run file's `data.split`; `by` is hash, auto or stratified.
            class_totals: For a stratified split the number of examples of each class in all.
        """
        self.names = part_names(shares)
        self._ends = _ends(shares)
        self._totals = None if shares.by != "stratified" else np.asarray(class_totals, np.int64)
        self._done = None if self._totals is None else np.zeros_like(self._totals)

    def parts(self, draws_N: np.ndarray, labels_N: np.ndarray | None = None) -> np.ndarray:
        """Return the index into `names` of each example's part, int8 (N,).

        Args:
            draws_N: What decides, uint64; for a stratified split rising, also from call to call.
            labels_N: For a stratified split, the index of each example's class. Examples with one draw count as one
                group, which goes where its first example goes.
        """
        places_N = draws_N / 2.0**64 if self._totals is None else self._ranks(draws_N, labels_N)
        return self._order[np.searchsorted(self._ends, places_N, side="right")]

    @property
    def _order(self) -> np.ndarray:
        # `test` has the lowest draws, so that another share of validation moves nothing into it or out of it.
        return np.array([len(self.names) - 1, *reversed(range(len(self.names) - 1))], np.int8)

    def _ranks(self, draws_N: np.ndarray, labels_N: np.ndarray) -> np.ndarray:
        """Return the rank of each example within its class, from 0 to 1."""
        ranks_N = np.empty(len(draws_N))
        for label in np.unique(labels_N):
            of_class = np.flatnonzero(labels_N == label)
            ranks_N[of_class] = (self._done[label] + np.arange(len(of_class)) + 0.5) / self._totals[label]
            self._done[label] += len(of_class)
        if len(draws_N):
            is_first_N = np.r_[True, draws_N[1:] != draws_N[:-1]]
            ranks_N = ranks_N[np.maximum.accumulate(np.where(is_first_N, np.arange(len(draws_N)), 0))]
        return ranks_N


def _ends(shares: Split) -> np.ndarray:
    """Return where, between 0 and 1, each part but the last ends."""
    if shares.k_folds:
        k = shares.k_folds
        return shares.test + (1 - shares.test) * np.arange(k) / k
    return np.array([shares.test, shares.test + shares.validation])


def lengths_by_time(num_rows: int, shares: Split) -> tuple[int, int]:
    """Return how many of the oldest rows are for training, and how many after them for validation."""
    num_test = round(num_rows * shares.test)
    num_validation = round(num_rows * shares.validation)
    return num_rows - num_validation - num_test, num_validation
