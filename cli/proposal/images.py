"""Looks at images: a folder with one folder for each class, or the arrays of an `.npz` file."""

from __future__ import annotations

import statistics
import zipfile
from pathlib import Path

from cli.proposal.seen import LOOK_ROWS, ImagesLook, TableLook
from estafet.errors import DataError

ENDINGS = (".png", ".jpg", ".jpeg")
SAMPLED = 100
MAX_SIDE_PX = 128
GREY_MODES = ("1", "L", "I", "I;16", "F")


def look_at_folder(folder: Path) -> ImagesLook:
    """Count the images of each class, and look at some of them.

    Raises:
        DataError: There are no folders for classes, or images that cannot be read only.
    """
    inside = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]
    by_class = {
        entry.name: files
        for entry in inside
        if (files := sorted(file for file in entry.iterdir() if file.name.lower().endswith(ENDINGS)))
    }
    if {"train", "test"} <= {entry.name for entry in inside}:
        raise DataError(
            f"'{folder}' is divided into train and test, and `ingest` divides the data itself.",
            hint=f"give the folder with the classes: `estafet init {folder / 'train'}`.",
        )
    if len(by_class) < 2:
        raise DataError(
            f"'{folder}' holds images of {len(by_class)} class(es); a classifier needs at least 2.",
            hint="put the images into one folder for each class, or give the folder above; or write a CSV file with "
            "the columns image and label beside them.",
        )
    files = [file for each in by_class.values() for file in each]
    return of_files(folder, files, {name: len(files) for name, files in by_class.items()})


def of_files(folder: Path, files: list[Path], classes: dict[str, int], **more: object) -> ImagesLook:
    """Look at some of the images.

    Args:
        folder: Where they are.
        files: The images.
        classes: Number of images of each class.
        more: What else is known.

    Raises:
        DataError: None of them can be read.
    """
    sizes, grey = _sample(files[:: max(1, len(files) // SAMPLED)])
    if not sizes:
        raise DataError(f"none of the images in '{folder}' can be read.", hint="are they PNG or JPEG files?")
    return ImagesLook(
        "images",
        classes,
        round(statistics.median(height for height, _ in sizes)),
        round(statistics.median(width for _, width in sizes)),
        1 if grey else 3,
        same_size=len(set(sizes)) == 1,
        source=folder,
        **more,
    )


def _sample(files: list[Path]) -> tuple[list[tuple[int, int]], bool]:
    """Return the heights and widths of the images that can be read, and whether all of them are grey."""
    from PIL import Image, UnidentifiedImageError

    sizes, grey = [], True
    for file in files:
        try:
            with Image.open(file) as image:
                sizes.append((image.height, image.width))
                grey = grey and image.mode in GREY_MODES
        except (UnidentifiedImageError, OSError):
            continue
    return sizes, grey


def look_at_arrays(path: Path) -> ImagesLook | TableLook:
    """Look at the shapes in an `.npz` file; two axes are a table, three or four are images.

    Raises:
        DataError: There are no arrays named x and y, or x has another shape.
    """
    import numpy as np

    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
    x_name = next((name for name in ("x_train", "x") if name in names and name.replace("x", "y", 1) in names), None)
    if x_name is None:
        raise DataError(
            f"'{path}' holds the arrays {', '.join(names) or 'none'}.",
            hint="name them x and y, or x_train, y_train, x_test and y_test.",
        )
    with np.load(path, allow_pickle=False) as arrays:
        x, y = arrays[x_name], arrays[x_name.replace("x", "y", 1)].squeeze()
    if y.ndim != 1 or len(x) != len(y):
        raise DataError(f"x has the shape {x.shape}, and y {y.shape}.", hint="give one label for each example.")
    if x.ndim == 2:
        return _table(x, y)
    if x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[3] not in (1, 3)):
        raise DataError(
            f"x has the shape {x.shape}.", hint="give (rows, features), (images, height, width) or (…, channels)."
        )
    if x.dtype != np.uint8:
        raise DataError(
            f"x is of type {x.dtype}, and images are uint8.",
            hint="convert it: x = (255 * x).astype('uint8') where it goes from 0 to 1.",
        )
    classes, counts = np.unique(y, return_counts=True)
    by_class = dict(zip(map(str, classes), map(int, counts), strict=True))
    return ImagesLook("npz", by_class, x.shape[1], x.shape[2], x.shape[3] if x.ndim == 4 else 1)


def _table(x, y) -> TableLook:
    import pyarrow as pa

    columns = {f"f{index}": x[:LOOK_ROWS, index] for index in range(x.shape[1])}
    return TableLook("npz", pa.table({**columns, "label": y[:LOOK_ROWS]}), len(x))
