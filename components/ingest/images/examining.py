"""Some images at a time: read, digested, checked, divided and framed, in any thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from components.ingest.images.checking import check_pixels, outside_bounds, read_header
from components.ingest.images.headers import Header, Refused
from components.ingest.images.pictures import Loaded, Pictures
from components.ingest.images.record import framed_image
from components.ingest.splitting import digests, draws
from estafet.errors import DataError
from estafet.records.manifest import AnomalyKind
from estafet.runfile.steps import IngestSettings

PartsOf = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Gives the part of each image, int8 (N,), from the images' numbers and their draws."""


@dataclass(frozen=True, slots=True)
class Bad:
    """An image that is not as it should be.

    Attributes:
        place: Where it stands among the images that were examined with it.
        kind: In which way it is bad.
        reason: What is wrong with it.
        content: Its bytes.
        unusable: Whether it cannot be used at all.
    """

    place: int
    kind: AnomalyKind
    reason: str
    content: bytes
    unusable: bool = True


@dataclass(frozen=True, slots=True)
class Examined:
    """Some images.

    Attributes:
        numbers: Which ones, int64 (N,).
        digests: Of their contents, V16 (N,).
        shapes: Height, width and channels, int32 (N, 3); zeros where they are unknown.
        bad: Those that are not as they should be.
        framed: For each part the records of the others, and how many.
    """

    numbers: np.ndarray
    digests: np.ndarray
    shapes: np.ndarray
    bad: tuple[Bad, ...]
    framed: tuple[tuple[int, bytes, int], ...] = ()


class Examiner:
    """Examines images; it may be shared by threads."""

    def __init__(
        self, pictures: Pictures, labels_N: np.ndarray, settings: IngestSettings, parts_of: PartsOf | None = None
    ):
        """Prepare to examine.

        Args:
            pictures: The images.
            labels_N: The index of each one's class, int64.
            settings: The step's settings.
            parts_of: Where they go; None only looks at them.
        """
        self._pictures, self._labels_N, self._parts_of = pictures, labels_N, parts_of
        self._seed = settings.split.seed
        self._bounds = settings.expected.images if settings.expected else None

    def examine(self, numbers: np.ndarray, *, num_decoded: int) -> Examined:
        """Read some images and look at them.

        Args:
            numbers: Which ones, int64 (N,).
            num_decoded: Of so many, the first ones, the pixels are looked at too.
        """
        loaded: list[Loaded] = []
        bad: list[Bad] = []
        shapes: list[tuple[int, int, int]] = []
        for place, number in enumerate(numbers.tolist()):
            image, shape = Loaded(b"", b""), (0, 0, 0)
            try:
                image = self._pictures.load(number)
                header = _checked(image, place < num_decoded)
                shape = (header.height, header.width, header.channels)
                if self._bounds is not None and (reason := outside_bounds(header, self._bounds)):
                    bad.append(Bad(place, "image_size", reason, image.content, unusable=False))
            except Refused as refused:
                bad.append(Bad(place, refused.kind, refused.reason, image.content))
            loaded.append(image)
            shapes.append(shape)
        digests_N = digests((image.identity for image in loaded), self._seed)
        contents = [image.content for image in loaded]
        framed = self._framed(numbers, digests_N, contents, {each.place for each in bad})
        return Examined(numbers, digests_N, np.array(shapes, np.int32), tuple(bad), framed)

    def frame(self, numbers: np.ndarray, digests_N: np.ndarray) -> tuple[tuple[int, bytes, int], ...]:
        """Read images that were examined before, and return for each part their records, and how many.

        Args:
            numbers: Which ones, int64 (N,).
            digests_N: What their digests were, V16.

        Raises:
            DataError: One of them has changed since.
        """
        try:
            loaded = [self._pictures.load(number) for number in numbers.tolist()]
        except Refused as refused:
            raise _changed(refused.reason) from refused
        changed = np.flatnonzero(digests((image.identity for image in loaded), self._seed) != digests_N)
        if len(changed):
            raise _changed(f"'{self._pictures.names[numbers[changed[0]]]}' has other contents now")
        return self._framed(numbers, digests_N, [image.content for image in loaded], set())

    def frame_one(self, examined: Examined, bad: Bad) -> tuple[int, bytes]:
        """Return the part and the record of an image that is used although it is not as it should be."""
        number = examined.numbers[bad.place : bad.place + 1]
        (part,) = self._parts_of(number, draws(examined.digests[bad.place : bad.place + 1]))
        return int(part), b"".join(framed_image(bad.content, int(self._labels_N[number[0]])))

    def _framed(
        self, numbers: np.ndarray, digests_N: np.ndarray, contents: list[bytes], skipped: set[int]
    ) -> tuple[tuple[int, bytes, int], ...]:
        if self._parts_of is None or len(skipped) == len(contents):
            return ()
        parts = self._parts_of(numbers, draws(digests_N)).tolist()
        labels = self._labels_N[numbers].tolist()
        pieces: dict[int, list[bytes]] = {}
        for place, (part, label, content) in enumerate(zip(parts, labels, contents, strict=True)):
            if place not in skipped:
                pieces.setdefault(part, []).extend(framed_image(content, label))
        return tuple((part, b"".join(found), len(found) // 5) for part, found in sorted(pieces.items()))


def _changed(how: str) -> DataError:
    return DataError(
        f"the images changed while they were read: {how}.", hint="run it again when nothing writes into data.source."
    )


def _checked(image: Loaded, decode: bool) -> Header:
    if image.header is not None:
        return image.header
    header = read_header(image.content)
    if decode:
        check_pixels(image.content)
    return header
