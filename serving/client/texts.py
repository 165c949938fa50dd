"""Words of a tensor as text, where they are text."""

from __future__ import annotations

import numpy as np


def as_text(words: np.ndarray) -> np.ndarray:
    """Return an array of bytes with each element as `str`; those that are no UTF-8 stay bytes."""
    found = np.empty(words.shape, dtype=object)
    flat = found.reshape(-1)
    for position, value in enumerate(words.reshape(-1)):
        try:
            flat[position] = value.decode("utf-8")
        except UnicodeDecodeError:
            flat[position] = value
    return found
