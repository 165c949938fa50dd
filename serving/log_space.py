"""Keeps the request log within its share of the disk: the oldest hours go first."""

from __future__ import annotations

import contextlib
from pathlib import Path

PARTS = "model=*/version=*/dt=*/hour=*/*.parquet"
LOOK_SHARE = 0.02


class LogSpace:
    """Knows about how large a log is, and makes room. Several servers may write into one log: files that are gone, are.

    It looks at all files only after a fiftieth of the space has been written, because there may be very many.
    """

    def __init__(self, root: Path, max_bytes: int):
        """Keep what is below `root` within `max_bytes`."""
        self._root, self._max_bytes = root, max_bytes
        self._unseen: int | None = None

    def make_room(self, num_bytes: int) -> int:
        """Delete the oldest files until as many bytes more fit.

        Args:
            num_bytes: Size of a file that is to be added.

        Returns:
            Number of files that were deleted.
        """
        self._unseen = None if self._unseen is None else self._unseen + num_bytes
        if self._unseen is not None and self._unseen < self._max_bytes * LOOK_SHARE:
            return 0
        files = sorted(self._files(), key=lambda file: (file[0].parts[-3:-1], file[2]))
        size, num_deleted = sum(size for _, size, _ in files) + num_bytes, 0
        for path, file_size, _ in files:
            if size <= self._max_bytes * (1 - LOOK_SHARE):
                break
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                num_deleted += 1
            size -= file_size
            with contextlib.suppress(OSError):  # it goes only when it is empty
                path.parent.rmdir()
        self._unseen = 0
        return num_deleted

    def _files(self) -> list[tuple[Path, int, float]]:
        found = []
        for path in self._root.glob(PARTS):
            with contextlib.suppress(OSError):
                about = path.stat()
                found.append((path, about.st_size, about.st_mtime))
        return found
