"""Texts that are numbers, and texts that are none."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

SAFE_DIGITS = 18
"""A whole number of so many digits fits into int64."""
WHOLE = 2.0**53
"""Below it each whole number is a float of its own."""


def are_numbers(texts: pa.Array, decimal: str) -> pa.Array:
    """Return for each text whether it is a number (also an infinite one); null where there is none."""
    point = f"\\{decimal}"
    digits = rf"(?:\d+(?:{point}\d*)?|{point}\d+)(?:e[-+]?\d+)?"
    return pc.match_substring_regex(texts, rf"^\s*[-+]?(?:{digits}|inf|infinity|∞)\s*$", ignore_case=True)


def number_with_comma(values: pa.ChunkedArray | pa.Array) -> str | None:
    """Return the first number with commas of a column of text, if numbers are all that it holds."""
    if not pa.types.is_string(values.type):
        return None
    known = values.drop_null()
    if not pc.all(pc.match_substring_regex(known, r"^\s*[-+]?\d+(,\d+|(,\d{3})+)?\s*$")).as_py():
        return None
    return next(iter(known.filter(pc.match_substring(known, ",")).slice(0, 1).to_pylist()), None)


def converted(texts: pa.Array, kind: pa.DataType, decimal: str) -> tuple[pa.Array, np.ndarray]:
    """Turn a column of text into numbers or truth values.

    Args:
        texts: The column. Blank texts count as missing.
        kind: int64, double or bool.
        decimal: Character before the fraction of a number.

    Returns:
        The column, and the rows, int64, whose text is none; they are null.
    """
    trimmed = pc.utf8_trim_whitespace(texts)
    turn = {pa.int64(): _whole_numbers, pa.float64(): _numbers, pa.bool_(): _truth_values}[kind]
    values = turn(trimmed, decimal)
    is_bad = pc.and_(pc.is_null(values), pc.fill_null(pc.not_equal(trimmed, ""), False))
    return values, np.flatnonzero(np.from_dlpack(is_bad.cast(pa.uint8())))


def _numbers(texts: pa.Array, decimal: str) -> pa.Array:
    known = pc.if_else(pc.fill_null(are_numbers(texts, decimal), False), texts, pa.scalar(None, pa.string()))
    plain = pc.replace_substring(pc.replace_substring(known, "∞", "inf"), decimal, ".")
    return plain.cast(pa.float64())


def _whole_numbers(texts: pa.Array, decimal: str) -> pa.Array:
    """Whole numbers may be written as 5.0 or 5e3 where they are small enough to be sure of."""
    nothing = pa.scalar(None, pa.string())
    is_plain = pc.fill_null(pc.match_substring_regex(texts, rf"^[-+]?\d{{1,{SAFE_DIGITS}}}$"), False)
    plain = pc.utf8_ltrim(pc.if_else(is_plain, texts, nothing), "+").cast(pa.int64())
    floats = _numbers(pc.if_else(is_plain, nothing, texts), decimal)
    is_whole = pc.and_(pc.equal(floats, pc.floor(floats)), pc.less(pc.abs(floats), WHOLE))
    others = pc.if_else(pc.fill_null(is_whole, False), floats, pa.scalar(None, pa.float64()))
    return pc.coalesce(plain, others.cast(pa.int64()))


def _truth_values(texts: pa.Array, decimal: str) -> pa.Array:
    options = csv.ConvertOptions()
    is_true = pc.is_in(texts, pa.array(options.true_values))
    is_known = pc.or_(is_true, pc.is_in(texts, pa.array(options.false_values)))
    return pc.if_else(is_known, is_true, pa.scalar(None, pa.bool_()))
