"""Writes floats as TensorFlow Serving does: `%g`, or with all digits where that does not read back equal."""

from __future__ import annotations

import struct

import numpy as np

NOT_FINITE = {"nan": "NaN", "-nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_FEW = 96
_MAX_EXACT_POWER = 22
"""Powers of ten up to this one are exact in a double, and so is rounded once what is divided by them."""
_POWERS = 10.0 ** np.arange(_MAX_EXACT_POWER + 1)
_as_float32 = struct.Struct("<f")


def number_texts(values: np.ndarray) -> list[str]:
    """Return floats as the shorter of `%g` and `%.9g` (`%.17g` for double) that reads back equal.

    Args:
        values: Float32 or float64, of any shape.

    Returns:
        One text for each, in C order; whole numbers end in `.0`.
    """
    flat = values.reshape(-1)
    numbers = flat.tolist()
    exact = "%.17g" if flat.dtype == np.float64 else "%.9g"
    texts = _few(flat, numbers, exact) if len(numbers) < _FEW else _many(flat, numbers, exact)
    return [text if "." in text or "e" in text else NOT_FINITE.get(text) or f"{text}.0" for text in texts]


def _few(flat: np.ndarray, numbers: list[float], exact: str) -> list[str]:
    """Write few numbers, and compare what they are read back as bit by bit, all in one go."""
    count, size = len(numbers), flat.itemsize
    texts = ("%g " * count % tuple(numbers)).split()
    given = flat.tobytes()
    try:
        read_back = struct.pack(f"<{count}{'d' if size == 8 else 'f'}", *map(float, texts))
    except OverflowError:  # six digits round the largest floats up to what no float holds
        return [
            text if _reads_back(text, number, exact) else exact % number
            for text, number in zip(texts, numbers, strict=True)
        ]
    if read_back != given:
        for index in range(count):
            start = index * size
            if read_back[start : start + size] != given[start : start + size]:
                texts[index] = exact % numbers[index]
    return texts


def _reads_back(text: str, number: float, exact: str) -> bool:
    value = float(text)
    if value == number or exact == "%.17g":
        return value == number
    try:
        return _as_float32.unpack(_as_float32.pack(value))[0] == number
    except OverflowError:
        return False


def _many(flat: np.ndarray, numbers: list[float], exact: str) -> list[str]:
    """Write many numbers with a single format; which of them need all digits is found without writing any."""
    short, unknown = _six_digits_do(flat)
    for index in np.flatnonzero(unknown).tolist():
        text = "%g" % numbers[index]  # noqa: UP031 - the format is C's
        short[index] = _reads_back(text, numbers[index], exact)
    formats = np.where(short, "%g", exact)
    return (" ".join(formats.tolist()) % tuple(numbers)).split(" ")


def _six_digits_do(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for which numbers six digits read back equal, and for which that cannot be told by doubles alone.

    A number is scaled so that six digits stand before the point, rounded, and scaled back by an exact power of ten,
    which gives the very double that the text would be read as.
    """
    with np.errstate(all="ignore"):
        sizes = np.abs(flat.astype(np.float64))
        exponents = np.floor(np.log10(sizes))
        known = np.isfinite(exponents) & (np.abs(5 - exponents) <= _MAX_EXACT_POWER)
        shifts = np.where(known, 5 - exponents, 0).astype(np.int64)
        powers = _POWERS[np.abs(shifts)]
        digits = np.rint(np.where(shifts >= 0, sizes * powers, sizes / powers))
        read_back = np.where(shifts >= 0, digits / powers, digits * powers).astype(flat.dtype)
        short = read_back == np.abs(flat)
    plain = (sizes == 0) | ~np.isfinite(sizes)
    return short | plain, ~known & ~plain
