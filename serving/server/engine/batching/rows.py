"""Puts the rows of several requests into one array, and takes the outputs apart again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serving.server.status import Code, StatusError, invalid

MAX_PADDED_RANK = 6


def joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return one array with the rows of all, in order."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def padded(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the arrays, each with every dimension but the first padded at its end to the largest.

    An array is padded with its own first element.

    Raises:
        StatusError: INVALID_ARGUMENT, where one is empty or has more than six dimensions.
    """
    if len({array.shape[1:] for array in arrays}) == 1:
        return list(arrays)
    largest = tuple(max(sizes) for sizes in zip(*(array.shape[1:] for array in arrays), strict=True))
    return [_padded(array, largest) for array in arrays]


def _padded(array: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    if array.ndim > MAX_PADDED_RANK:
        raise invalid(f"Only tensors with rank from 1 to {MAX_PADDED_RANK} can be padded.")
    if not array.size:
        raise invalid("Cannot pad an empty tensor.")
    if array.shape[1:] == sizes:
        return array
    result = np.full((len(array), *sizes), array.flat[0], dtype=array.dtype)
    result[tuple(slice(size) for size in array.shape)] = array
    return result


def filled_up(array: np.ndarray, first_of_last: int, num_rows: int) -> np.ndarray:
    """Return an array with `num_rows` rows: those that it has, and copies of its row number `first_of_last`."""
    missing = num_rows - len(array)
    return np.concatenate([array, np.repeat(array[first_of_last : first_of_last + 1], missing, axis=0)])


def taken_apart(outputs: Sequence[np.ndarray], sizes: Sequence[int], num_rows: int) -> list[list[np.ndarray]]:
    """Return the outputs of each task.

    Args:
        outputs: What came out of the batch.
        sizes: Number of rows of each task.
        num_rows: Number of rows that went in, copies included.

    Raises:
        StatusError: FAILED_PRECONDITION, where an output does not have a row for each that went in.
    """
    for output in outputs:
        if not output.ndim:
            raise StatusError(Code.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
        if len(output) != num_rows:
            raise StatusError(
                Code.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
                "tensors",
            )
    parts, start = [], 0
    for size in sizes:
        parts.append([output[start : start + size] for output in outputs])
        start += size
    return parts
