"""Images that are listed and not read yet, wherever they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from components.ingest.images.headers import Header
from components.ingest.labels import in_order, indices
from estafet.records.manifest import Anomaly


class Loaded(NamedTuple):
    """One image.

    Attributes:
        content: The bytes of a PNG or JPEG file, as they came.
        identity: What the image's digest is made of.
        header: Of an image that needs no check.
    """

    content: bytes
    identity: bytes
    header: Header | None = None


class Pictures(Protocol):
    """Some images, in order.

    Attributes:
        names: What each is called, for a person: its path within the source.
        class_names: The class of each.
        groups: For a split by groups, what each must stay together with.
        noted: What the source holds beside them, to be reported.
    """

    names: Sequence[str]
    class_names: Sequence[str]
    groups: Sequence[str] | None
    noted: tuple[Anomaly, ...]

    def num_bytes(self, number: int) -> int:
        """Return about how much memory one of them takes, without reading it."""

    def load(self, number: int) -> Loaded:
        """Read one of them, in any thread.

        Raises:
            Refused: It cannot be read.
        """


@dataclass(frozen=True)
class Classes:
    """The class of each image.

    Attributes:
        names: The classes, in order.
        labels: The index of each image's class, int64 (N,).
    """

    names: tuple[str, ...]
    labels: np.ndarray

    @classmethod
    def of(cls, pictures: Pictures) -> Classes:
        """Return the classes of some images."""
        names = in_order(pictures.class_names)
        return cls(names, indices(pictures.class_names, names))


def mixed_order(names: Sequence[str], labels_N: np.ndarray) -> np.ndarray:
    """Return the order in which images are written, int64 (N,): by a hash of their names, the classes interleaved.

    So any first part of it is a stratified sample, and so is the first part of any split of it by content.
    """
    hashes = [hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest() for name in names]
    by_hash_N = np.argsort(np.frombuffer(b"".join(hashes), ">u8").astype(np.uint64), kind="stable")
    labels_N = labels_N[by_hash_N]
    by_class_N = np.argsort(labels_N, kind="stable")
    counts = np.bincount(labels_N)
    ranks_N = np.arange(len(names)) - np.repeat(np.cumsum(counts) - counts, counts)
    progress_N = np.empty(len(names))
    progress_N[by_class_N] = ranks_N / counts[labels_N[by_class_N]]
    return by_hash_N[np.argsort(progress_N, kind="stable")]


def shown(name: str) -> str:
    """Return a file's name as text that can be written, even where it is not UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
