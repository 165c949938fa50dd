"""Images, from folders named after their classes or from `.npz` arrays, each checked by decoding it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from components.ingest.examples import Examples, check_bad_share
from components.ingest.image_check import Checked, check_image
from components.ingest.labels import in_order, indices
from components.ingest.sources import is_of
from components.ingest.splitting import digests
from components.ingest.tables import read_arrays
from estafet.errors import ConfigError, DataError
from estafet.records.manifest import BadExample
from estafet.runfile.steps import IngestSettings
from estafet.telemetry import Progress

IMAGES_AT_ONCE = 64
NUM_THREADS = 4


@dataclass(frozen=True)
class Picture:
    """One image.

    Attributes:
        where: What it is called, for a person.
        class_name: Its class.
        read: Gives its bytes, a PNG or JPEG file.
    """

    where: str
    class_name: str
    read: Callable[[], bytes]


def from_folders(roots: list[Path]) -> list[Picture]:
    """Return the images of folders that hold one folder for each class; classes of several folders are united.

    Raises:
        DataError: A folder does not look like that.
    """
    pictures = []
    for root in roots:
        folders = [entry for entry in sorted(root.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]
        found = [picture for folder in folders for picture in _in_class(root, folder)]
        if not found:
            raise DataError(
                f"'{root}' holds no folder with PNG or JPEG files in it.",
                hint="put the images of each class into a folder of their own: data/cat/1.png, data/dog/2.png.",
            )
        pictures += found
    return pictures


def from_arrays(files: list[Path]) -> list[Picture]:
    """Return the images of `.npz` files: uint8 (N, height, width) or (N, height, width, 1 or 3).

    Raises:
        DataError: The arrays have another type or shape.
    """
    pictures = []
    for path in files:
        try:
            x, y = read_arrays(path)
        except (ValueError, OSError, EOFError) as error:
            raise DataError(f"'{path}' cannot be read: {error}.", hint="is it an .npz file?") from error
        if x.dtype != np.uint8 or x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[3] not in (1, 3)):
            raise DataError(
                f"'{path}' holds x of type {x.dtype} and shape {x.shape}, and images are uint8 (N, height, width) or "
                "(N, height, width, 1 or 3).",
                hint="convert it: x = (255 * x).astype('uint8') where it goes from 0 to 1.",
            )
        x = x[..., 0] if x.ndim == 4 and x.shape[3] == 1 else x
        names = [str(int(value)) if np.issubdtype(y.dtype, np.number) else str(value) for value in y]
        pictures += [
            Picture(f"{path.name} row {i + 1}", name, partial(_as_png, pixels))
            for i, (pixels, name) in enumerate(zip(x, names, strict=True))
        ]
    return pictures


def examples_from(
    pictures: list[Picture], settings: IngestSettings, progress: Progress
) -> tuple[Examples, tuple[int, int, int]]:
    """Turn images into examples, leaving out those that cannot be decoded.

    Returns:
        The examples, and the height, width and channels that the model is given.

    Raises:
        ConfigError: The split is by time.
        DataError: Too many images cannot be decoded.
    """
    if settings.split.by == "time":
        raise ConfigError("images have no time to split by.", hint="set data.split.by: hash.")
    good, bad, shape, found_digests = [], [], None, []
    for done, (picture, checked) in enumerate(_checked(pictures)):
        if checked.reason:
            bad.append(BadExample(where=picture.where, reason=checked.reason))
        else:
            shape = shape or checked.shape
            good.append(picture)
            found_digests.append(digests([checked.content], settings.split.seed))
        progress("checking images", done + 1, len(pictures))
    check_bad_share(bad, len(pictures), settings.max_bad_share, what="images")
    height, width = settings.image_size or shape[:2]
    names = [picture.class_name for picture in good]
    classes = in_order(names)
    labels = indices(names, classes)
    examples = Examples(
        digests=np.concatenate(found_digests),
        labels=labels,
        classes=classes,
        columns=lambda chosen: {"image": _contents(good[i] for i in chosen), "label": labels[chosen]},
        chunk=IMAGES_AT_ONCE,
        bad=tuple(bad),
    )
    return examples, (height, width, settings.channels or shape[2])


def _in_class(root: Path, folder: Path) -> list[Picture]:
    pictures = [
        Picture(str(file.relative_to(root)), folder.name, file.read_bytes)
        for file in sorted(folder.iterdir())
        if file.is_file() and is_of(file, "images")
    ]
    deeper = [entry.name for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]
    if deeper and not pictures:
        raise DataError(
            f"'{folder}' holds folders ({', '.join(deeper[:5])}) where the images of a class were expected.",
            hint=f'name the folders that hold the classes: data.source: ["{folder}", …].',
        )
    return pictures


def _checked(pictures: list[Picture]) -> Iterable[tuple[Picture, Checked]]:
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        # A slice at a time, so that the bytes of images that wait for their digest stay few.
        for start in range(0, len(pictures), IMAGES_AT_ONCE):
            some = pictures[start : start + IMAGES_AT_ONCE]
            yield from zip(some, pool.map(_check, some), strict=True)


def _check(picture: Picture) -> Checked:
    return check_image(picture.read())


def _contents(pictures: Iterable[Picture]) -> np.ndarray:
    contents = [picture.read() for picture in pictures]
    column = np.empty(len(contents), dtype=object)
    column[:] = contents
    return column


def _as_png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
