"""The label: classes in their order, or numbers; and what is wrong with the rows that have no usable one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.features import is_numeric, numbers
from estafet.errors import DataError

MAX_FRACTIONAL_CLASSES = 50
NO_LABEL = "the label is missing"


def class_names(column: pa.ChunkedArray, name: str) -> tuple[np.ndarray, dict[int, str]]:
    """Return the class of each row as text, objects (N,), and for rows without one the reason.

    Whole numbers are written without a fraction, so that 1 and 1.0 are one class.

    Raises:
        DataError: The label holds many numbers with fractions, which are no classes.
    """
    if pa.types.is_boolean(column.type) or not is_numeric(column.type):
        texts = column.cast(pa.string()).to_pylist()
        names_N = np.array([(text or "").strip() for text in texts], dtype=object)
    else:
        names_N = _numbers_as_names(numbers(column), name)
    return names_N, {int(row): NO_LABEL for row in np.flatnonzero(names_N == "")}


def regression_targets(column: pa.ChunkedArray, name: str) -> tuple[np.ndarray, dict[int, str]]:
    """Return the number to predict for each row, float32 (N,), and for rows without one the reason.

    Raises:
        DataError: Most of the labels are no numbers.
    """
    if is_numeric(column.type):
        values_N, bad = numbers(column), {}
    else:
        values_N, bad = _parse_numbers(column)
        if len(bad) > len(column) / 2:
            shown = ", ".join(repr(word) for word in pc.unique(column.cast(pa.string())).to_pylist()[:5])
            raise DataError(
                f"the label '{name}' is to be a number and holds words: {shown}.",
                hint="set task: tabular_classification, or correct data.label.",
            )
    with np.errstate(over="ignore"):
        values_N = values_N.astype(np.float32)
    reasons = {int(row): NO_LABEL for row in np.flatnonzero(np.isnan(values_N))}
    reasons |= {int(row): "the label is infinite" for row in np.flatnonzero(np.isinf(values_N))}
    return values_N, reasons | bad


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return the different classes sorted: as numbers where all of them are, as text otherwise."""
    different = set(names)
    try:
        return tuple(sorted(different, key=lambda name: (float(name), name)))
    except ValueError:
        return tuple(sorted(different))


def indices(names_N: Iterable[str], classes: tuple[str, ...]) -> np.ndarray:
    """Return the index of each class, int64 (N,)."""
    position = {name: i for i, name in enumerate(classes)}
    return np.array([position[name] for name in names_N], dtype=np.int64)


def _numbers_as_names(values_N: np.ndarray, name: str) -> np.ndarray:
    different, which_N = np.unique(values_N, return_inverse=True)
    finite = different[np.isfinite(different)]
    if len(finite) > MAX_FRACTIONAL_CLASSES and np.any(finite % 1):
        raise DataError(
            f"the label '{name}' holds {len(finite):,} different numbers with fractions, from {finite[0]:g} to "
            f"{finite[-1]:g}; those are no classes.",
            hint="set task: tabular_regression, or correct data.label.",
        )
    return np.array([_number_as_name(value) for value in different.tolist()], dtype=object)[which_N]


def _number_as_name(value: float) -> str:
    if not np.isfinite(value):
        return ""
    return str(int(value)) if value == int(value) else repr(value)


def _parse_numbers(column: pa.ChunkedArray) -> tuple[np.ndarray, dict[int, str]]:
    values_N, bad = np.full(len(column), np.nan), {}
    for row, text in enumerate(column.cast(pa.string()).to_pylist()):
        if text is None or not text.strip():
            continue
        try:
            values_N[row] = float(text)
        except ValueError:
            bad[row] = f"the label {text!r} is no number"
    return values_N, bad
