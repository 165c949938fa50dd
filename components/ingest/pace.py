"""How fast a source is read, in words that leave room for the rest of a line."""

from __future__ import annotations

import time

THOUSANDS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


class Pace:
    """Says how many rows a second are read since it was made, and how much of the source is behind."""

    def __init__(self, what: str, total_bytes: int):
        """Begin to measure.

        Args:
            what: What is counted, such as `rows`.
            total_bytes: Size of the source.
        """
        self._what, self._total_bytes = what, total_bytes
        self._started = time.monotonic()

    def said(self, num_rows: int, num_bytes: int) -> str:
        """Return words such as `reading 212k rows/s · 52 of 214 MB`."""
        elapsed_s = max(1e-3, time.monotonic() - self._started)
        return f"reading {short(num_rows / elapsed_s)} {self._what}/s · {self._sizes(num_bytes)}"

    def _sizes(self, num_bytes: int) -> str:
        size, unit = next(((each, name) for each, name in THOUSANDS if self._total_bytes >= each), (1, ""))
        digits = int(size > 1 and self._total_bytes < 10 * size)
        return f"{num_bytes / size:.{digits}f} of {self._total_bytes / size:.{digits}f} {unit}B"


def short(number: float) -> str:
    """Return a number in at most four signs, such as `950`, `1.2k` or `212k`."""
    for size, name in THOUSANDS:
        if number >= size:
            return f"{number / size:.{int(number < 9.95 * size)}f}{name}"
    return f"{number:.0f}"
