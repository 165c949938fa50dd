"""What releases remember, as files of a folder: each appears whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from estafet.files import read_json, write_json

LOCK_FILE = "lock"
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class FolderMemory:
    """JSON documents in a folder."""

    def __init__(self, folder: Path):
        """Keep them in `folder`, which is made with the first one."""
        self._folder = folder

    def read(self, name: str) -> object | None:
        """Return a document, or None where there is none.

        Raises:
            ValueError: It is no JSON.
        """
        try:
            return read_json(self._folder / name)
        except FileNotFoundError:
            return None

    def write(self, name: str, value: object) -> None:
        """Write a document, by renaming."""
        write_json(self._folder / name, value)

    def remove(self, name: str) -> None:
        """Remove a document; nothing where there is none."""
        (self._folder / name).unlink(missing_ok=True)

    def where(self, name: str) -> str:
        """Return a document's path."""
        return str(self._folder / name)


class FolderLock:
    """A lock on a file, which the system frees even when this process is killed."""

    def __init__(self, folder: Path):
        """Open the lock file of a folder, which is made where it is missing.

        Raises:
            OSError: It cannot be made or written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / LOCK_FILE).open("a+")

    def take(self) -> bool:
        """Take it, or return False; on a file system without locks every release takes itself for the only one."""
        try:
            fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()
        return True

    def holder(self) -> str:
        """Return who has it."""
        self._file.seek(0)
        return f"process {self._file.read().strip() or 'unknown'}"

    def close(self) -> None:
        """Give it back."""
        self._file.close()
