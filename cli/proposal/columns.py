"""What each column of a table is: numbers, words, times, or nothing that a model could learn from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

LABEL_NAMES = ("label", "target", "class", "y", "outcome", "diagnosis", "species", "category", "churn", "survived")
ID_NAMES = ("id", "index", "uuid", "guid", "key", "row", "rownum", "unnamed: 0", "")
TIME_NAMES = ("time", "date", "datetime", "timestamp", "ts", "ds", "day", "week", "month", "quarter", "year", "step")
RESERVED = ("label", "prediction", "confidence", "request_id", "ts")
"""Names that a feature cannot have: reports and the request log use them."""
MIN_ROWS_TO_TELL = 20
MAX_CLASSES_OF_NUMBERS = 20
SHARE_OF_GROUPS = (0.05, 0.6)
"""So many different values, as a share of the rows, has a column that names what several rows belong to."""


@dataclass(frozen=True)
class Column:
    """One column of a table that was looked at."""

    name: str
    values: pa.ChunkedArray

    @cached_property
    def kind(self) -> str:
        """What it holds: number, word, time, empty, or other (lists, bytes, times of day)."""
        from pyarrow import types

        kind = self.values.type
        if types.is_dictionary(kind):
            kind = kind.value_type
        if types.is_null(kind) or self.values.null_count == len(self.values):
            return "empty"
        if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind):
            return "number"
        if types.is_timestamp(kind) or types.is_date(kind):
            return "time"
        if types.is_string(kind) or types.is_large_string(kind):
            return "time" if self._is_text_of_times() else "word"
        return "other"

    @cached_property
    def num_distinct(self) -> int:
        """Number of different values, missing ones not counted."""
        import pyarrow.compute as pc
        from pyarrow import types

        is_dictionary = types.is_dictionary(self.values.type)
        return pc.count_distinct(
            self.values.cast(self.values.type.value_type) if is_dictionary else self.values
        ).as_py()

    @cached_property
    def is_truth(self) -> bool:
        """Whether it holds true and false."""
        from pyarrow import types

        return types.is_boolean(self.values.type)

    @cached_property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers only."""
        import numpy as np

        return self.kind == "number" and bool(np.all(self.numbers[~np.isnan(self.numbers)] % 1 == 0))

    @cached_property
    def numbers(self):
        """The values as float64 (N,), missing ones as NaN; times as seconds since 1970."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc
        from pyarrow import types

        if self.kind == "time" and not types.is_temporal(self.values.type):
            return np.array([_seconds(text) for text in self.values.to_pylist()])
        if types.is_temporal(self.values.type):
            seconds = pc.cast(pc.cast(self.values, pa.timestamp("s"), safe=False), pa.int64())
            return pc.cast(seconds, pa.float64()).fill_null(np.nan).to_numpy()
        values = pc.cast(self.values, pa.int8()) if self.is_truth else self.values
        return pc.cast(values, pa.float64(), safe=False).fill_null(np.nan).to_numpy()

    @cached_property
    def is_free_text(self) -> bool:
        """Whether it holds sentences, from whose words a model can learn."""
        import pyarrow as pa

        from components.ingest.texts import is_free_text

        return self.kind == "word" and is_free_text(self.values.cast(pa.string()))

    @property
    def looks_like_classes(self) -> bool:
        """Whether its values are few enough to be classes: words, truth values, or a handful of whole numbers."""
        num_present = len(self.values) - self.values.null_count
        if self.kind == "word" or self.is_truth:
            return True
        few = min(MAX_CLASSES_OF_NUMBERS, max(2, 0.05 * num_present))
        return self.kind == "number" and self.is_whole and self.num_distinct <= few

    @property
    def is_identifier(self) -> bool:
        """Whether each row has a value of its own that says nothing: an id, a running number, a name."""
        import numpy as np

        if self.kind not in ("number", "word") or self.num_distinct < len(self.values) or self.is_free_text:
            return False
        named = self._is_named_as_identifier
        if named or len(self.values) <= MIN_ROWS_TO_TELL:
            return named
        return self.kind == "word" or bool(np.all(np.diff(self.numbers) == 1))

    @property
    def may_tell_groups(self) -> bool:
        """Whether its values look like the numbers or names of things, each of which has a few rows."""
        if self.kind != "word" and not (self.is_whole and self._is_named_as_identifier):
            return False
        return SHARE_OF_GROUPS[0] < self.num_distinct / len(self.values) < SHARE_OF_GROUPS[1]

    @property
    def _is_named_as_identifier(self) -> bool:
        name = self.name.lower()
        return name in ID_NAMES or name.endswith(("_id", " id")) or self.name.endswith("Id")

    @property
    def orders_rows(self) -> bool:
        """Whether it holds the time of each row: times, or whole numbers with such a name, that only grow."""
        import numpy as np

        named = self.name.lower() in TIME_NAMES and self.is_whole
        if not (self.kind == "time" or named) or self.values.null_count or len(self.values) < 3:
            return False
        return bool(np.all(np.diff(self.numbers) > 0))

    def _is_text_of_times(self) -> bool:
        """Whether the first values read as ISO times, such as 2026-11 (which Arrow leaves as text)."""
        first = [text for text in self.values.slice(0, 100).to_pylist() if text is not None]
        return bool(first) and all("-" in text and _seconds(text) == _seconds(text) for text in first)


def _seconds(text: str | None) -> float:
    """Return an ISO time as seconds since 1970, or NaN where it is none."""
    import numpy as np

    try:
        return float(np.datetime64((text or "").strip(), "s").astype(np.int64)) if text else float("nan")
    except ValueError:
        return float("nan")
