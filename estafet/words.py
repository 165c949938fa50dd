"""Which words a text consists of: one rule, by which ingest counts, the model reads and drift is measured.

Lower-case letters, marks and digits of any script make words, and whatever else stands between them parts them. Scripts
that put no spaces between words (Chinese, Japanese, Thai, …) give a word for each character. The patterns are those of
RE2, which both Arrow and TensorFlow use, so that both cut alike; `estafet.training.layers.text` has the same in
TensorFlow's operations.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

LOWERED_BEFORE = (("İ", "i"), ("Ì", "ì"), ("Í", "í"), ("Ĩ", "ĩ"), ("Į", "į"))
"""What TensorFlow would lower in another way where the environment's language is Turkish or Lithuanian."""
LOWERED_AFTER = (("ς", "σ"),)
"""Arrow does not know the sigma that ends a word."""
ALONE = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\pM*)"
BETWEEN = r"[^\pL\pM\pN]+"


def split(texts: pa.Array) -> pa.Array:
    """Return the words of each text, a list array (N,) of strings; none where it is null.

    Args:
        texts: UTF-8 strings (N,).
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for upper, lower in LOWERED_BEFORE:
        texts = pc.replace_substring(texts, upper, lower)
    texts = pc.utf8_lower(texts)
    for last, lower in LOWERED_AFTER:
        texts = pc.replace_substring(texts, last, lower)
    texts = pc.replace_substring_regex(texts, ALONE, r" \1 ")
    texts = pc.ascii_trim(pc.replace_substring_regex(texts, BETWEEN, " "), " ")
    found = pc.split_pattern(pc.if_else(pc.equal(texts, ""), None, texts), " ")
    return pc.fill_null(found, pa.scalar([], found.type))


def descriptors(name: str) -> tuple[str, str]:
    """Return what the two descriptors of a column of texts are called."""
    return f"{name} (words)", f"{name} (unknown words)"


def describe(texts: pa.Array, vocabulary: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return what drift in texts is measured by.

    Args:
        texts: UTF-8 strings (N,), null or empty where missing.
        vocabulary: The words that the model knows.

    Returns:
        The number of words, float64 (N,), NaN where the text is missing; and the share of them that is not in the
        vocabulary, float64 (N,), NaN where there is none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    words = split(texts)
    counts_N = np.from_dlpack(pc.list_value_length(words)).astype(np.int64)
    is_known_W = pc.is_in(words.flatten(), value_set=pa.array(list(vocabulary), pa.string()))
    known_W = np.concatenate([[0], np.cumsum(np.from_dlpack(pc.cast(is_known_W, pa.uint8())).astype(np.int64))])
    ends_N = np.cumsum(counts_N)
    num_known_N = known_W[ends_N] - known_W[ends_N - counts_N]
    is_missing_N = np.from_dlpack(pc.cast(pc.fill_null(pc.equal(texts, ""), True), pa.uint8())).view(bool)
    shares_N = np.divide(counts_N - num_known_N, counts_N, out=np.full(len(texts), np.nan), where=counts_N > 0)
    return np.where(is_missing_N, np.nan, counts_N), shares_N
