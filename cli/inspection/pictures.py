"""What there is to say of raw images, after one look at each file."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cli.inspection import charts, mosaic
from cli.inspection.problems import Problems, rows_of
from cli.inspection.progress import ProgressLine
from cli.inspection.sections import Findings, Section, counted, in_bytes, in_percent
from components.ingest.images.arrays import from_arrays
from components.ingest.images.checking import check_pixels, outside_bounds, read_header
from components.ingest.images.files import ImageFiles, is_image, walk
from components.ingest.images.folders import from_folders
from components.ingest.images.headers import Header, Refused
from components.ingest.images.labelled import from_labels
from components.ingest.images.pictures import Pictures
from estafet.errors import DataError
from estafet.records.manifest import Anomaly
from estafet.runfile.steps import IngestSettings
from estafet.source_schema import ImageBounds, SourceSchema

IMAGES_PER_CLASS = 6
CLASSES_WITH_IMAGES = 24
CLASSES_DRAWN = 40
SIZES_DRAWN = 2_000
SIZES_LISTED = 10
IMAGES_AT_ONCE = 64
NUM_THREADS = 4
LARGEST_SAMPLED = 4_000_000
NO_CLASS = "(no class)"


@dataclass
class SeenPictures:
    """Images, each of which has been looked at.

    Attributes:
        is_decoded: Whether every image was decoded, and not only walked through.
        problems: What is wrong.
        classes: Number of sound images of each class.
        headers: Number of them of each size, number of channels and bit depth.
        kinds: Number of them of each file format.
        samples: The first few files of each class.
        num_images: Number of all images, those that are refused among them.
        num_bytes: Bytes of all files.
        num_duplicates: Sound images whose file is the same as another one's, less one of each.
        num_contradictory: Sound images with the same file as one of another class.
        noted: What the source holds beside the images.
    """

    is_decoded: bool
    problems: Problems
    classes: Counter[str] = field(default_factory=Counter)
    headers: Counter[Header] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[bytes]] = field(default_factory=dict)
    num_images: int = 0
    num_bytes: int = 0
    num_duplicates: int = 0
    num_contradictory: int = 0
    noted: tuple[Anomaly, ...] = ()

    def source_schema(self) -> SourceSchema:
        """Return what the images are like, to be edited and pinned."""
        if not self.headers:
            return SourceSchema()
        heights, widths = [h.height for h in self.headers], [h.width for h in self.headers]
        bounds = ImageBounds(
            min_height=min(heights),
            max_height=max(heights),
            min_width=min(widths),
            max_width=max(widths),
            channels=tuple(sorted({header.channels for header in self.headers})),
        )
        return SourceSchema(images=bounds)


@dataclass(frozen=True)
class _Look:
    """What one image is."""

    content: bytes = b""
    identity: bytes = b""
    header: Header | None = None
    refused: Refused | None = None


def listed(files: Sequence[Path], data_format: str, settings: IngestSettings, problems: Problems) -> Pictures:
    """List images, also those of a folder without classes where no run file speaks of any.

    Args:
        files: `.npz` files, or folders.
        data_format: npz or images.
        settings: How they are to be read.
        problems: Told of rows of a list of images that have no image, or no class.

    Raises:
        DataError: There are none.
    """
    if data_format == "npz":
        return from_arrays(files)
    if settings.labels is not None:
        return from_labels(files, settings, problems)
    try:
        return from_folders(files)
    except DataError:
        loose = [(str(root), name) for root in files for name in walk(str(root)) if is_image(name) and "/" not in name]
        if not loose:
            raise
    roots, names = map(list, zip(*loose, strict=True))
    return ImageFiles(roots, names, [NO_CLASS] * len(names))


def inspect(
    pictures: Pictures, problems: Problems, bounds: ImageBounds | None, is_decoded: bool, progress: ProgressLine
) -> SeenPictures:
    """Look at every image once.

    Args:
        pictures: The images.
        problems: What is wrong so far; what is found is added.
        bounds: What the pinned schema wants them to be like, if there is one.
        is_decoded: Whether to decode every image, or only to walk through its segments and checksums.
        progress: Told how many of them are looked at.
    """
    seen, digests, labels = SeenPictures(is_decoded, problems, noted=pictures.noted), bytearray(), array("q")
    label_of: dict[str, int] = {}
    total = len(pictures.names)
    for number, look in enumerate(_looks(pictures, is_decoded)):
        seen.num_images += 1
        seen.num_bytes += len(look.content)
        progress("looking at images", seen.num_images, total, unit="images")
        where, name = pictures.names[number], pictures.class_names[number]
        if look.refused is not None:
            seen.problems.example(where, look.refused.kind, look.refused.reason)
            continue
        if bounds is not None and (reason := outside_bounds(look.header, bounds)):
            seen.problems.example(where, "image_size", reason)
        _count(seen, name, look)
        digests += hashlib.blake2b(look.identity, digest_size=16).digest()
        labels.append(label_of.setdefault(name, len(label_of)))
    seen.num_duplicates, seen.num_contradictory = _duplicates(bytes(digests), np.array(labels, np.int64))
    return seen


def _count(seen: SeenPictures, name: str, look: _Look) -> None:
    seen.classes[name] += 1
    seen.headers[look.header] += 1
    seen.kinds["PNG" if look.content.startswith(b"\x89PNG") else "JPEG"] += 1
    if name in seen.samples or len(seen.samples) < CLASSES_WITH_IMAGES:
        samples = seen.samples.setdefault(name, [])
        if len(samples) < IMAGES_PER_CLASS and len(look.content) <= LARGEST_SAMPLED:
            samples.append(look.content)


def _looks(pictures: Pictures, is_decoded: bool) -> Iterator[_Look]:
    def look(number: int) -> _Look:
        content = b""
        try:
            loaded = pictures.load(number)
            content = loaded.content
            header = loaded.header or read_header(content)
            if is_decoded and loaded.header is None:
                check_pixels(content)
        except Refused as refused:
            return _Look(content, refused=refused)
        return _Look(content, loaded.identity, header)

    total = len(pictures.names)
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        # A slice at a time, so that few contents are held at once.
        for start in range(0, total, IMAGES_AT_ONCE):
            yield from pool.map(look, range(start, min(start + IMAGES_AT_ONCE, total)))


def _duplicates(digests: bytes, labels_N: np.ndarray) -> tuple[int, int]:
    """Return the number of files that occur again, and of those that occur in several classes."""
    if not len(labels_N):
        return 0, 0
    halves_N2 = np.frombuffer(digests, np.uint64).reshape(-1, 2)
    order_N = np.lexsort((labels_N, halves_N2[:, 1], halves_N2[:, 0]))
    sorted_N2, labels_N = halves_N2[order_N], labels_N[order_N]
    starts = np.flatnonzero(np.r_[True, (sorted_N2[1:] != sorted_N2[:-1]).any(axis=1)])
    ends = np.r_[starts[1:], len(labels_N)]
    is_contradictory = labels_N[starts] != labels_N[ends - 1]
    return len(labels_N) - len(starts), int((ends - starts)[is_contradictory].sum())


def findings(seen: SeenPictures, name: str, data_format: str) -> Findings:
    """Return what there is to say of images."""
    anomalies, num_classes = (*seen.problems.sorted(), *seen.noted), len(seen.classes)
    count = sum(anomaly.count for anomaly in anomalies)
    wrong = counted(count, "problem") if count else "no problem"
    kinds = " and ".join(f"{num:,} {kind}" for kind, num in seen.kinds.most_common())
    return Findings(
        title=name,
        subtitle=f"{data_format} · {kinds or 'nothing that can be used'} · {in_bytes(seen.num_bytes)}",
        verdict=f"{counted(seen.num_images, 'image')} of {counted(num_classes, 'class')}; {wrong}",
        tone="warn" if count or seen.num_contradictory else "good",
        facts={
            "images": seen.num_images,
            "classes": num_classes,
            "size": in_bytes(seen.num_bytes),
            "duplicates": seen.num_duplicates,
            "problems": count,
        },
        sections=(_classes(seen), _sizes(seen), _duplicated(seen), _problems(seen, rows_of(anomalies, "(image)"))),
    )


def _classes(seen: SeenPictures) -> Section:
    total = sum(seen.classes.values()) or 1
    rows = [
        {"class": name, "images": num, "share": in_percent(num / total)} for name, num in sorted(seen.classes.items())
    ]
    drawn = dict(seen.classes.most_common(CLASSES_DRAWN))
    caption = "Images of each class." if len(drawn) == len(rows) else f"The {CLASSES_DRAWN} most frequent classes."
    return Section(
        "Classes",
        rows=tuple(rows),
        drawings=(
            (charts.bars(drawn, total), caption),
            (charts.strips(mosaic.strips(seen.samples)), "The first images of each class."),
        )
        if drawn
        else (),
    )


def _sizes(seen: SeenPictures) -> Section:
    total = sum(seen.headers.values()) or 1
    rows = [
        {"height": header.height, "width": header.width, "channels": header.channels, "bits": header.bit_depth,
         "images": num, "share": in_percent(num / total)}
        for header, num in seen.headers.most_common(SIZES_LISTED)
    ]  # fmt: skip
    drawn = [header for header, _ in seen.headers.most_common(SIZES_DRAWN)]
    num_sizes = len({(header.height, header.width) for header in seen.headers})
    text = "All have one size." if num_sizes == 1 else f"{num_sizes:,} different sizes."
    chart = charts.scatter(
        np.array([header.width for header in drawn]), np.array([header.height for header in drawn]), "wide", "high"
    ) if num_sizes > 1 else ""  # fmt: skip
    caption = "Each size that occurs, in pixels."
    return Section("Sizes", text, rows=tuple(rows), limit=10, drawings=((chart, caption),) if chart else ())


def _duplicated(seen: SeenPictures) -> Section:
    if not seen.num_duplicates:
        return Section("Duplicates", "No file occurs twice.", "good")
    one = seen.num_duplicates == 1
    text = f"{seen.num_duplicates:,} file{' is' if one else 's are'} the same as another; they stay in one split."
    if seen.num_contradictory:
        text += f" {seen.num_contradictory:,} of the images have the same file as one of another class."
    return Section("Duplicates", text, "warn" if seen.num_contradictory else None)


def _problems(seen: SeenPictures, rows: tuple[dict[str, object], ...]) -> Section:
    how = "was decoded" if seen.is_decoded else "was walked through, not decoded"
    if not rows:
        return Section("Problems", f"None was found; each image {how}.", "good")
    text = f"Each image {how}. What ingest does with these is for data.on_anomaly to say."
    return Section("Problems", text, "warn", rows=rows)
