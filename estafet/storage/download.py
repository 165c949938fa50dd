"""One object on its way: what a connection broke off goes on from the bytes that are there."""

from __future__ import annotations

import errno
import gzip
import random
import shutil
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from estafet.errors import DataError, StepFailed
from estafet.files import replacing
from estafet.storage import answers, session
from estafet.storage.objects import StoredObject
from estafet.storage.partial import Partial

READ_BYTES = 2**18
NUM_TRIES = 2
FULL = (errno.ENOSPC, errno.EDQUOT)


class Stopped(Exception):
    """The download ends early because another one failed."""


class Download:
    """One object that is brought to a file, checked against its CRC32C, and unpacked if it is stored packed.

    Args:
        stored: The object; only this generation of it is taken.
        path: Where it goes; what an earlier attempt left there is gone on with.
        on_bytes: Told how many bytes arrived; a negative number where they must be fetched again.
        stopping: Set when the download is to end early.
    """

    def __init__(self, stored: StoredObject, path: Path, *, on_bytes: Callable[[int], None], stopping: threading.Event):
        self._stored = stored
        self._partial = Partial(path, stored.num_bytes)
        self._on_bytes = on_bytes
        self._stopping = stopping
        self._lock = threading.Lock()
        self._num_left = 0

    @property
    def num_bytes_there(self) -> int:
        """How many of its bytes are there."""
        return sum(self._partial.counts)

    @property
    def path(self) -> Path:
        """Where it is when it is finished."""
        packed = self._partial.path
        return packed.with_suffix(".unpacked") if self._is_packed else packed

    @property
    def _is_packed(self) -> bool:
        """Whether readers would not know from the name that the stored bytes are compressed."""
        return self._stored.content_encoding == "gzip" and not self._stored.name.lower().endswith(".gz")

    def jobs(self) -> list[Callable[[], None]]:
        """Return what is to be done, each piece once, in any order and by several threads."""
        unfinished = self._partial.unfinished
        self._num_left = len(unfinished)
        return [lambda index=index: self._do_range(index) for index in unfinished] or [self._finish]

    def _do_range(self, index: int) -> None:
        self._fetch(index)
        with self._lock:
            self._num_left -= 1
            is_last = not self._num_left
        if is_last:
            self._finish()

    def _finish(self) -> None:
        for tries in range(NUM_TRIES):
            if tries:
                self._on_bytes(-self.num_bytes_there)
                self._partial.start_anew()
                for index in self._partial.unfinished:
                    self._fetch(index)
            if self._partial.is_sound(self._stored.crc32c):
                self._partial.finish()
                return self._unpack()
        self._partial.start_anew()
        raise DataError(
            f"'{self._stored.url}' arrived {NUM_TRIES} times with another checksum (CRC32C) than it is stored with.",
            hint="look for what changes the bytes on their way: a proxy, or a disk or memory that is not sound.",
        )

    def _fetch(self, index: int) -> None:
        start, stop = self._partial.ranges[index]
        counts = self._partial.counts
        since, wait_s = time.monotonic(), session.FIRST_WAIT_S
        while counts[index] < stop - start:
            before = counts[index]
            fault = self._ask(index)
            if counts[index] > before:
                since, wait_s = time.monotonic(), session.FIRST_WAIT_S
            elif time.monotonic() - since >= session.RETRY_S:
                raise answers.refusal(self._stored.url, fault) from fault
            elif self._stopping.wait(wait_s * random.uniform(0.5, 1)):
                raise Stopped
            else:
                wait_s = min(2 * wait_s, session.MAX_WAIT_S)

    def _ask(self, index: int) -> Exception:
        """Ask once for what is missing of a range. Returns why it ended, which counts where nothing came."""
        try:
            with self._partial.opened() as descriptor:
                self._take(index, descriptor)
        except Exception as error:
            if answers.is_passing(error):
                return error
            ours = self._as_ours(error)
            if ours is error:
                raise
            raise ours from error
        return ConnectionError("the connection ended before the object did")

    def _take(self, index: int, descriptor: int) -> None:
        stored, partial = self._stored, self._partial
        start, stop = partial.ranges[index]
        first = start + partial.counts[index]
        with session.open_media(stored.bucket, stored.name, stored.generation, first, stop - 1) as response:
            answers.check(response, is_range=first > 0 or stop < stored.num_bytes)
            while content := response.raw.read(min(READ_BYTES, stop - first), decode_content=False):
                if self._stopping.is_set():
                    raise Stopped
                partial.append(descriptor, index, content)
                self._on_bytes(len(content))
                first += len(content)

    def _as_ours(self, error: Exception) -> Exception:
        url = self._stored.url
        if isinstance(error, OSError) and error.errno in FULL:
            return StepFailed(
                f"the disk is full while '{url}' is downloaded to '{self._partial.path.parent}': {error.strerror}.",
                hint="free some space (`estafet doctor` shows how much there is), then run the same command again.",
            )
        if getattr(error, "code", None) in (404, 412):
            with answers.answering(url):
                now = session.open_bucket(self._stored.bucket).get_blob(self._stored.name, timeout=session.TIMEOUT_S)
            happened = "deleted" if now is None else "written anew"
            return DataError(
                f"'{url}' was {happened} while it was downloaded.",
                hint="let what writes there finish, then run the same command again.",
            )
        return answers.refusal(url, error) if answers.is_storage_error(error) else error

    def _unpack(self) -> None:
        if not self._is_packed:
            return
        try:
            with gzip.open(self._partial.path) as packed, replacing(self.path, "wb") as unpacked:
                shutil.copyfileobj(packed, unpacked, READ_BYTES)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(
                f"'{self._stored.url}' is marked as compressed (Content-Encoding: gzip), and is not: {error}.",
                hint=f"remove the mark: gcloud storage objects update {self._stored.url} --clear-content-encoding",
            ) from error
