"""Where the records of a CSV text end: at line ends outside quotes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Quoting:
    """How fields and records are told apart.

    Attributes:
        quote: Character around a field, one byte.
        delimiter: Character between fields, one byte.
        newline: Character at the end of a record.
    """

    quote: bytes
    delimiter: bytes
    newline: bytes

    def first_end(self, text: bytes) -> int:
        """Return where the first record of a text ends, behind its line end; 0 where it is not complete."""
        starts, ends = self.fields(text)
        end = text.find(self.newline)
        while end >= 0:
            field = np.searchsorted(starts, end) - 1
            if field < 0 or ends[field] < end:
                return end + 1
            end = text.find(self.newline, ends[field])
        return 0

    def last_end(self, text: bytes) -> int:
        """Return where the last complete record of a text ends, behind its line end; 0 where none is complete."""
        starts, ends = self.fields(text)
        end = text.rfind(self.newline)
        while end >= 0:
            field = np.searchsorted(starts, end) - 1
            if field < 0 or ends[field] < end:
                return end + 1
            end = text.rfind(self.newline, 0, starts[field])
        return 0

    def is_outside(self, text: bytes, place: int) -> bool:
        """Whether a place of a text is not within a quoted field."""
        starts, ends = self.fields(text)
        field = np.searchsorted(starts, place) - 1
        return field < 0 or ends[field] < place

    def unclosed(self, text: bytes) -> int | None:
        """Return where a quoted field begins that the text does not close."""
        starts, ends = self.fields(text)
        return int(starts[-1]) if len(starts) and ends[-1] == len(text) else None

    def fields(self, text: bytes) -> tuple[np.ndarray, np.ndarray]:
        """Return where the quoted fields of a text begin and end; one that is not closed ends behind the text.

        As for Arrow, only a quote at the beginning of a field opens one; a doubled quote may end one field here and
        begin another. In a text without stray quotes every other quote opens a field, which is many times faster to
        find out than to go through them one by one.
        """
        if self.quote not in text:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        bytes_N = np.frombuffer(text, np.uint8)
        quotes = np.flatnonzero(bytes_N == self.quote[0])
        starts, ends = quotes[0::2], quotes[1::2]
        may_open = np.isin(np.arange(256), np.frombuffer(self.delimiter + b"\r\n" + self.quote, np.uint8))
        if np.all(may_open[bytes_N[starts[1:] - 1]]) and (starts[0] == 0 or may_open[bytes_N[starts[0] - 1]]):
            return starts, np.append(ends, len(text)) if len(ends) < len(starts) else ends
        may_open[self.quote[0]] = False
        quotes = quotes[may_open[bytes_N[quotes - 1]] | (quotes == 0)]
        found, end = [], -1
        for start in quotes.tolist():
            if start > end:
                end = self._field.match(text, start).start(1)
                end = len(text) if end < 0 else end
                found.append((start, end))
        starts, ends = np.array(found, np.int64).reshape(-1, 2).T
        return starts, ends

    @cached_property
    def _field(self) -> re.Pattern[bytes]:
        quote = re.escape(self.quote)
        inside = b"[^" + quote + b"]*"
        return re.compile(quote + inside + b"(?:" + quote * 2 + inside + b")*" + b"(?:(" + quote + rb")|\Z)")
