"""Which type a column has: from what its values look like, and the same in all files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.sources.numbers import are_numbers
from estafet.errors import DataError

NUMBERS_SHARE = 0.9
"""From this share of numbers on, a column of numbers and words is one of numbers, and the words are mistakes."""


class Tally:
    """What the values of one column of one file look like."""

    def __init__(self):
        self.types: set[pa.DataType] = set()
        self.num_numbers = self.num_others = 0
        self.is_whole = True

    def add(self, column: pa.Array, decimal: str) -> None:
        """Take in some values, in the type that Arrow takes them for."""
        kind = column.type
        if pa.types.is_null(kind):
            return
        self.types.add(kind)
        num_known = len(column) - column.null_count
        if pa.types.is_string(kind):
            texts = column.filter(pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(column), ""), False))
            numbers = texts.filter(are_numbers(texts, decimal))
            self.num_numbers += len(numbers)
            self.num_others += len(texts) - len(numbers)
            self.is_whole = self.is_whole and pc.all(pc.match_substring_regex(numbers, r"^\s*-?\d{1,18}\s*$")).as_py()
        elif is_number(kind):
            self.num_numbers += num_known
            self.is_whole = self.is_whole and kind == pa.int64()
        else:
            self.num_others += num_known

    def type(self, may_hold_words: bool) -> pa.DataType:
        """Return the type that suits the values best.

        Args:
            may_hold_words: Whether words between numbers make it a column of words, however few they are.
        """
        if (kind := common_type(self.types)) and not (pa.types.is_string(kind) and self.num_numbers):
            return kind
        if may_hold_words or self.num_numbers < NUMBERS_SHARE * (self.num_numbers + self.num_others):
            return pa.string()
        return pa.int64() if self.is_whole else pa.float64()


def is_number(kind: pa.DataType) -> bool:
    """Whether a column of this type holds numbers."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def common_type(types: Iterable[pa.DataType]) -> pa.DataType | None:
    """Return the type that holds values of each of these types as they are, if there is one."""
    types = set(types)
    if any(pa.types.is_timestamp(kind) and kind.tz is None for kind in types):
        types = {pa.timestamp("s") if pa.types.is_date(kind) else kind for kind in types}
    try:
        schemas = [pa.schema([("x", kind)]) for kind in sorted(types, key=str)]
        return pa.unify_schemas([pa.schema([("x", pa.null())]), *schemas], promote_options="permissive").field(0).type
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return None


def same_columns(files: Sequence[Path], names: Sequence[Sequence[str]]) -> list[str]:
    """Check that files have the same columns, in whatever order, and return them in the first one's.

    Raises:
        DataError: One lacks or adds columns, or has two of one name.
    """
    for path, found in zip(files, names, strict=True):
        if twice := sorted(name for name, count in Counter(found).items() if count > 1):
            raise DataError(f"'{path}' has several columns named {', '.join(map(repr, twice))}.", hint="rename them.")
        missing, extra = sorted(set(names[0]) - set(found)), sorted(set(found) - set(names[0]))
        if missing or extra:
            parts = [f"lacks {', '.join(missing)}"] if missing else []
            parts += [f"adds {', '.join(extra)}"] if extra else []
            raise DataError(
                f"'{path.name}' {' and '.join(parts)}, compared with '{files[0].name}'.",
                hint="sources that are read as one data set need the same columns; put the odd ones elsewhere.",
            )
    return list(names[0])


def same_type(name: str, files: Sequence[Path], types: Sequence[pa.DataType]) -> pa.DataType:
    """Return the type that a column has in all files.

    Raises:
        DataError: It holds numbers in one of them and text in another, or the like.
    """
    if (common := common_type(types)) is not None:
        return common
    known = [(path, kind) for path, kind in zip(files, types, strict=True) if not pa.types.is_null(kind)]
    (first, wanted), (other, found) = next(
        (pair, later) for i, later in enumerate(known) for pair in known[:i] if not common_type((pair[1], later[1]))
    )
    raise DataError(
        f"column '{name}' is {wanted} in '{first.name}' and {found} in '{other.name}'.",
        hint="write it the same way in all sources.",
    )
