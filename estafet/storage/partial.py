"""The part of an object that has been downloaded: a file with holes, and how far each of its ranges has come."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import google_crc32c

RANGE_BYTES = 32 * 2**20
COUNT_BYTES = 8
READ_BYTES = 2**22


class Partial:
    """A file that threads fill from several places at once, and that survives a kill at any time.

    Behind the room for the object's bytes stands, for each range, how many bytes of it are there. `finish` cuts this
    off and gives the file its final name.

    Args:
        path: The final name; what is not finished stands beside it, with the ending `.part`.
        num_bytes: Size of the object.

    Attributes:
        ranges: First byte and byte after the last of each range.
        counts: How many bytes of each range are there, from its beginning.
    """

    def __init__(self, path: Path, num_bytes: int):
        self.path = path
        self.num_bytes = num_bytes
        self.ranges = [(start, min(start + RANGE_BYTES, num_bytes)) for start in range(0, num_bytes, RANGE_BYTES)]
        self._part = path.with_name(f"{path.name}.part")
        self.counts = self._counts_from_earlier()

    @property
    def unfinished(self) -> list[int]:
        """Numbers of the ranges of which bytes are missing."""
        return [i for i, (start, stop) in enumerate(self.ranges) if self.counts[i] < stop - start]

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Give a descriptor for `append`; the file is made where it is missing."""
        descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            os.ftruncate(descriptor, self._part_bytes)
            yield descriptor
        finally:
            os.close(descriptor)

    def append(self, descriptor: int, index: int, content: bytes) -> None:
        """Add bytes to a range; each range belongs to one thread at a time."""
        left = memoryview(content)
        while left:
            written = os.pwrite(descriptor, left, self.ranges[index][0] + self.counts[index])
            self.counts[index] += written
            left = left[written:]
            count = self.counts[index].to_bytes(COUNT_BYTES, "little")
            os.pwrite(descriptor, count, self.num_bytes + index * COUNT_BYTES)

    def is_sound(self, crc32c: str) -> bool:
        """Whether the bytes, all of which are there, have this CRC32C (in base64; "" where it is not known)."""
        checksum = google_crc32c.Checksum()
        left = self.num_bytes
        with open(self.path if self.path.exists() else self._part, "rb", buffering=0) as file:
            while left and (block := file.read(min(left, READ_BYTES))):
                checksum.update(block)
                left -= len(block)
        return not left and crc32c in ("", base64.b64encode(checksum.digest()).decode())

    def finish(self) -> None:
        """Give the file its final name."""
        if not self.path.exists():
            os.replace(self._part, self.path)
        os.truncate(self.path, self.num_bytes)

    def start_anew(self) -> None:
        """Forget what is there."""
        self._part.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        self.counts = [0] * len(self.ranges)

    @property
    def _part_bytes(self) -> int:
        return self.num_bytes + len(self.ranges) * COUNT_BYTES

    def _counts_from_earlier(self) -> list[int]:
        if not self.num_bytes:
            self.path.touch()
        if self.path.exists():
            return [stop - start for start, stop in self.ranges]
        if not self._part.exists() or self._part.stat().st_size != self._part_bytes:
            self._part.unlink(missing_ok=True)
            return [0] * len(self.ranges)
        with open(self._part, "rb") as file:
            file.seek(self.num_bytes)
            counts = [int.from_bytes(file.read(COUNT_BYTES), "little") for _ in self.ranges]
        return [min(count, stop - start) for count, (start, stop) in zip(counts, self.ranges, strict=True)]
