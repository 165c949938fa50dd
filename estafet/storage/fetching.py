"""Downloading many objects: several at once, and large ones in several ranges at once."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from queue import Empty, SimpleQueue

from estafet.errors import StepFailed
from estafet.storage.download import Download, Stopped
from estafet.storage.objects import StoredObject
from estafet.storage.session import NUM_CONNECTIONS
from estafet.telemetry import Progress

REPORT_S = 0.5
UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def fetch(stored: Mapping[str, StoredObject], folder: Path, progress: Progress) -> dict[str, Path]:
    """Bring objects into a folder, as far as they are not there.

    Args:
        stored: The objects, each under the key that names its file; the same key must mean the same generation.
        folder: Where they go; what an earlier attempt left there is gone on with.
        progress: Told how many bytes are there, of how many.

    Returns:
        Where the contents of each object are, by key.

    Raises:
        DataError: An object changed meanwhile, may not be read, or does not arrive as it is stored.
        ServiceUnavailable: Cloud Storage does not answer.
        StepFailed: The disk is full.
    """
    tally, stopping = _Tally(sum(item.num_bytes for item in stored.values())), threading.Event()
    downloads = {
        key: Download(item, folder / key, on_bytes=tally.add, stopping=stopping) for key, item in stored.items()
    }
    tally.add(sum(download.num_bytes_there for download in downloads.values()))
    _check_room(folder, tally.total - tally.done)
    jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
    for download in downloads.values():
        for job in download.jobs():
            jobs.put(job)
    with ThreadPoolExecutor(NUM_CONNECTIONS, "estafet-download") as pool:
        pending = {pool.submit(_work, jobs, stopping) for _ in range(min(NUM_CONNECTIONS, jobs.qsize()))}
        try:
            while pending:
                tally.report(progress)
                done, pending = wait(pending, REPORT_S, FIRST_EXCEPTION)
                for future in done:
                    future.result()
        finally:
            stopping.set()
    tally.report(progress)
    return {key: download.path for key, download in downloads.items()}


def _work(jobs: SimpleQueue[Callable[[], None]], stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            jobs.get_nowait()()
        except (Empty, Stopped):
            return


class _Tally:
    """How many bytes are there, of how many."""

    def __init__(self, total: int):
        self.total = total
        self.done = 0
        self._lock = threading.Lock()

    def add(self, num_bytes: int) -> None:
        with self._lock:
            self.done += num_bytes

    def report(self, progress: Progress) -> None:
        unit, size = next((each for each in UNITS if self.total >= each[1]), UNITS[-1])
        progress(f"downloading {self.done / size:.1f} of {self.total / size:.1f} {unit}", self.done, self.total)


def _check_room(folder: Path, num_missing: int) -> None:
    free = shutil.disk_usage(folder).free
    if num_missing > free:
        raise StepFailed(
            f"the disk is full: {num_missing / 1e9:.2f} GB are to be downloaded to '{folder}', "
            f"and {free / 1e9:.2f} GB are free there.",
            hint="free some space, or set workspace in the run file to a folder on a larger disk.",
        )
