"""How far an inspection is, in one line of a terminal that disappears when it is done."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import TextIO

from cli.inspection.sections import in_bytes

REFRESH_S = 0.1
SILENT_S = 0.5
"""What takes less time than this shows nothing."""


class ProgressLine:
    """Says what is being done, how much is read and how long it will take; silent where nobody looks.

    It is a `Progress`, and a context manager, which wipes the line at the end.

    Attributes:
        num_rows: Number of rows read so far, where rows are read.
    """

    def __init__(self, stream: TextIO | None = None):
        self.num_rows = 0
        self._stream = stream or sys.stderr
        self._began = time.monotonic()
        self._last, self._shown = self._began, False

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        if self._shown:
            self._write("")

    def __call__(
        self, message: str, done: float | None = None, total: float | None = None, *, unit: str = "bytes"
    ) -> None:
        """Say what is being done, and how much of it is done; `unit` is what is counted."""
        now = time.monotonic()
        if not self._stream.isatty() or now - self._began < SILENT_S or now - self._last < REFRESH_S:
            return
        self._last, self._shown = now, True
        self._write(described(message, now - self._began, done, total, self.num_rows, unit))

    def _write(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"\r{text[:width]:<{width}}\r" if not text else f"\r{text[:width]:<{width}}")
        self._stream.flush()


def described(message: str, elapsed_s: float, done: float | None, total: float | None, num_rows: int, unit: str) -> str:
    """Return a line such as `reading · 40 % · 1.2 GB of 3 GB · 410,000 rows/s · 12 s left`."""
    parts = [message]
    if done is not None and total:
        sizes = f"{in_bytes(done)} of {in_bytes(total)}" if unit == "bytes" else f"{done:,.0f} of {total:,.0f} {unit}"
        parts += [f"{done / total:.0%}".replace("%", " %"), sizes]
    if num_rows and elapsed_s:
        parts.append(f"{num_rows / elapsed_s:,.0f} rows/s")
    if done and total and done < total:
        left_s = elapsed_s * (total - done) / done
        parts.append(f"{left_s:.0f} s left" if left_s < 90 else f"{left_s / 60:.0f} min left")
    return " · ".join(parts)
