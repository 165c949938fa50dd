"""What every source is turned into before it is split and written: examples that can be fetched by number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from estafet.errors import DataError
from estafet.records.manifest import BadExample

NUM_BAD_NAMED = 100
NUM_BAD_SHOWN = 5


@dataclass(frozen=True)
class Examples:
    """Examples of a table or of images, not yet split.

    Attributes:
        digests: Digest of each example's content, 16 bytes, as dtype V16 (N,).
        labels: int64 index of the class, or float32 (N,).
        classes: For classification the classes in order, else None.
        columns: Gives the encoder's columns for some examples, by their numbers.
        chunk: Number of examples that are encoded at once.
        bad: What was left out.
        times: For a split by time, seconds since 1970, int64 (N,).
    """

    digests: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...] | None
    columns: Callable[[np.ndarray], dict[str, np.ndarray]]
    chunk: int
    bad: tuple[BadExample, ...] = ()
    times: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)


def check_bad_share(bad: Sequence[BadExample], num_examples: int, max_bad_share: float, *, what: str) -> None:
    """Refuse a data set of which too much would be left out.

    Args:
        bad: What would be left out.
        num_examples: How many there are with it.
        max_bad_share: Share that may be left out.
        what: What one is called, in the plural.

    Raises:
        DataError: The share is above `max_bad_share`, or nothing would be left.
    """
    if not bad or (len(bad) <= max_bad_share * num_examples and len(bad) < num_examples):
        return
    shown = "; ".join(f"{example.where}: {example.reason}" for example in bad[:NUM_BAD_SHOWN])
    more = f"; and {len(bad) - NUM_BAD_SHOWN:,} more" if len(bad) > NUM_BAD_SHOWN else ""
    share = math.ceil(10_000 * len(bad) / num_examples) / 10_000
    hint = f"mend or remove them, or leave them out: data.max_bad_share: {share:g} (it is {max_bad_share:g})."
    if len(bad) == num_examples:
        hint = "none is left; check data.label and data.source."
    raise DataError(f"{len(bad):,} of {num_examples:,} {what} cannot be used ({shown}{more}).", hint=hint)


def named(bad: Sequence[BadExample]) -> tuple[BadExample, ...]:
    """Return the first of those that were left out, as many as a manifest names."""
    return tuple(bad[:NUM_BAD_NAMED])
