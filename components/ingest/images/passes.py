"""Going through all images in the order in which they are written, with what is wrong told in that order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from components.ingest.images.examining import Bad, Examined, Examiner, PartsOf
from components.ingest.images.ledger import Ledger
from components.ingest.images.pictures import Pictures, mixed_order, shown
from components.ingest.ordered import in_order
from components.ingest.pace import short
from components.ingest.quality.anomalies import Anomalies
from estafet.runfile.steps import IngestSettings
from estafet.telemetry import Progress

BYTES_AT_ONCE = 4 << 20
MAX_IMAGES_AT_ONCE = 32
NUM_SIZES = 64
"""So many images tell how large they are."""
MAX_DECODED = 20_000
NUM_DECODED = 1_000

Write = Callable[[int, bytes, int], None]
"""Takes the number of a part, framed records and how many they are."""

Result = TypeVar("Result")


class Passes:
    """Goes through images."""

    def __init__(
        self,
        pictures: Pictures,
        ledger: Ledger,
        settings: IngestSettings,
        anomalies: Anomalies,
        progress: Progress,
        num_threads: int,
    ):
        """Prepare.

        Args:
            pictures: The images.
            ledger: Where it is kept what they are.
            settings: The step's settings.
            anomalies: Told what is wrong with them.
            progress: Told how far it is.
            num_threads: How many threads work.
        """
        self._pictures, self._ledger, self._settings = pictures, ledger, settings
        self._anomalies, self._progress, self._num_threads = anomalies, progress, num_threads
        self._order = mixed_order(pictures.names, ledger.labels)
        # It must not depend on the threads, since what is written together stays together in a shard.
        self._at_once = _num_at_once(pictures, self._order[:NUM_SIZES].tolist())
        self._num_bytes = 0

    def examine(self, parts_of: PartsOf | None = None, write: Write | None = None) -> None:
        """Check and digest each image, and write those that are kept.

        Args:
            parts_of: Gives their parts; None writes nothing.
            write: Takes the records.
        """
        examiner = Examiner(self._pictures, self._ledger.labels, self._settings, parts_of)
        num_decoded = _num_decoded(self._settings.check_images, len(self._order))

        def examined_from(start: int) -> Examined:
            numbers = self._order[start : start + self._at_once]
            return examiner.examine(numbers, num_decoded=max(0, num_decoded - start))

        for examined in self._each(examined_from, "writing images" if write else "checking images"):
            self._ledger.add(examined)
            for bad in examined.bad:
                number = examined.numbers[bad.place]
                self._ledger.is_kept[number] = self._tell(number, bad)
                if write and self._ledger.is_kept[number]:
                    write(*examiner.frame_one(examined, bad), 1)
            for part, framed, num_examples in examined.framed:
                self._num_bytes += len(framed)
                write(part, framed, num_examples)

    def frame(self, parts_of: PartsOf, write: Write) -> None:
        """Read the images that are kept once more, and write them.

        Raises:
            DataError: One of them has changed since it was examined.
        """
        examiner = Examiner(self._pictures, self._ledger.labels, self._settings, parts_of)
        self._order = self._order[self._ledger.is_kept[self._order]]

        def framed_from(start: int) -> tuple[tuple[int, bytes, int], ...]:
            numbers = self._order[start : start + self._at_once]
            return examiner.frame(numbers, self._ledger.digests[numbers])

        for framed in self._each(framed_from, "writing images"):
            for part, records, num_examples in framed:
                self._num_bytes += len(records)
                write(part, records, num_examples)

    def _tell(self, number: int, bad: Bad) -> bool:
        name = shown(self._pictures.names[number])
        return self._anomalies.example(
            name, bad.kind, bad.reason, content=bad.content or None, file_name=name, unusable=bad.unusable
        )

    def _each(self, work: Callable[[int], Result], what: str) -> Iterator[Result]:
        """Yield what `work` makes of each start of a slice, in order.

        Say once a second how fast that goes, and how much is written.
        """
        total, started = len(self._order), time.monotonic()
        said, message = started, what
        for i, result in enumerate(in_order(work, range(0, total, self._at_once), self._num_threads)):
            yield result
            num_done, now = min(total, (i + 1) * self._at_once), time.monotonic()
            if now - said > 1 or num_done == total:
                written = f" · {short(self._num_bytes)}B" if self._num_bytes else ""
                said, message = now, f"{what}, {num_done / max(1e-3, now - started):,.0f} a second{written}"
            self._progress(message, num_done, total)


def _num_at_once(pictures: Pictures, sample: list[int]) -> int:
    """Return how many images are read together, so that those of all threads take little memory."""
    mean_bytes = sum(pictures.num_bytes(number) for number in sample) / max(1, len(sample))
    return max(1, min(MAX_IMAGES_AT_ONCE, int(BYTES_AT_ONCE / max(1.0, mean_bytes))))


def _num_decoded(check: str, num_images: int) -> int:
    """Return how many images are decoded, the first ones in the order of writing."""
    if check == "structure":
        return 0
    return num_images if check == "decode" or num_images <= MAX_DECODED else NUM_DECODED
