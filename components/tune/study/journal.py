"""A study as a journal on this machine's disk: what a killed process left half-written does no harm."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend

from estafet.errors import StepFailed

LOCK_WAIT_S = 10.0
POLL_S = 0.002
_NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class Journal(JournalFileBackend):
    """Optuna's journal file, with a lock that the system frees when its holder dies, and without silent losses.

    Optuna's own would begin an empty file in the place of one that was removed, and would glue a line to one that a
    killed process wrote by half, after which nobody can read the journal.

    Args:
        path: The file; it is made where it is missing.

    Raises:
        OSError: The file cannot be read or written, or is another one than that which was opened.
        StepFailed: A line of the journal is damaged.
    """

    def __init__(self, path: Path):
        super().__init__(str(path))
        self._path = path
        self._opened = path.open("rb")  # while it is open, its number is given to no other file

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with _locked(self._path):
            self._check_that_it_is_there()
            with self._path.open("r+b") as file:
                _cut_half_a_line(file)
                file.write(lines.encode())
                file.flush()
                os.fsync(file.fileno())

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        self._check_that_it_is_there()
        try:
            yield from super().read_logs(log_number_from)
        except ValueError as error:  # no JSON; UnicodeDecodeError is one too
            raise StepFailed(
                f"the study's journal '{self._path}' is damaged: {error}",
                hint=f"remove {self._path.parent} and type the same command; the search begins anew.",
            ) from error

    def _check_that_it_is_there(self) -> None:
        there, opened = os.stat(self._path), os.fstat(self._opened.fileno())
        if (there.st_dev, there.st_ino) != (opened.st_dev, opened.st_ino):
            raise FileNotFoundError(errno.ENOENT, "another file stands in its place", str(self._path))


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(f"{path}.lock", "w") as file:
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(errno.ETIMEDOUT, "another process holds it", str(path)) from None
                time.sleep(POLL_S)
            except OSError as error:
                if error.errno not in _NO_LOCKS_HERE:
                    raise
                break
        yield


def _cut_half_a_line(file) -> None:
    """Put the position behind the last whole line, and cut off what a killed process left behind it."""
    position = file.seek(0, os.SEEK_END)
    while position:
        start = max(0, position - 65536)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            position = start + found + 1
            break
        position = start
    file.seek(position)
    file.truncate()
