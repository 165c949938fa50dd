"""Which columns of words are free text: those that the run file names, or else those that obviously are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from components.ingest.columns import check_column, row_numbers
from components.ingest.features import is_text
from components.ingest.rows.rows import Rows
from components.ingest.texts import is_free_text
from estafet.errors import ConfigError, DataError
from estafet.runfile.steps import IngestSettings

NUM_LOOKED_AT = 4096


def check_texts(schema: pa.Schema, features: Sequence[str], settings: IngestSettings) -> None:
    """Refuse `data.text` where it names what can be no text to learn from.

    Args:
        schema: The table's columns.
        features: Those to learn from.
        settings: The step's settings.

    Raises:
        ConfigError: A column is not there, or is no feature.
        DataError: It holds no text.
    """
    for name in settings.text or ():
        check_column(schema.names, name, "data.text")
        if name not in features:
            raise ConfigError(
                f"'{name}' of data.text is no feature.",
                hint="take it out of data.text, or see data.features, data.ignore, data.label and data.time.",
            )
        kind = schema.field(name).type
        if not (is_text(kind) or pa.types.is_null(kind)):
            raise DataError(f"the column '{name}' of data.text holds {kind}, not text.", hint="correct data.text.")


class TextSample:
    """Keeps some values of each column of words, to tell which columns are free text.

    They are those of the rows with the lowest digests: as good as drawn at random, and the same whatever the order of
    the rows.
    """

    def __init__(self, names: Sequence[str], named: Sequence[str] | None):
        """Begin with nothing.

        Args:
            names: The columns of words.
            named: Those that the run file says are text; None where it leaves it open.
        """
        self._names, self._named = names, named
        self._digests = np.empty(0, np.uint64)
        self._columns = tuple(pa.nulls(0, pa.string()) for _ in names)

    def add(self, rows: Rows) -> None:
        """Take in some rows, by rising first half of their digests."""
        if self._named is not None or not self._names:
            return
        lowest = rows.digests[:NUM_LOOKED_AT, 0]
        if len(self._digests) == NUM_LOOKED_AT:
            lowest = lowest[: np.searchsorted(lowest, self._digests[-1])]
        both = np.concatenate([self._digests, lowest])
        keep = np.argsort(both, kind="stable")[:NUM_LOOKED_AT]
        self._digests, taken = both[keep], row_numbers(keep)
        self._columns = tuple(
            pa.concat_arrays([kept, words.slice(0, len(lowest))]).take(taken)
            for kept, words in zip(self._columns, rows.words, strict=True)
        )

    def texts(self) -> tuple[str, ...]:
        """Return the names of the columns of free text."""
        if self._named is not None:
            return tuple(name for name in self._names if name in self._named)
        return tuple(name for name, values in zip(self._names, self._columns, strict=True) if is_free_text(values))
