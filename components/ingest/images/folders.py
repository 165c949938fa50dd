"""Images in one folder for each class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from components.ingest.images.files import OTHER_ENDINGS, ImageFiles, is_image, note, walk
from components.ingest.images.pictures import shown
from components.ingest.sources.folders import entries, leads_back
from estafet.errors import DataError

HIDDEN = (".", "__MACOSX")
"""Beginnings of the names of folders that are no classes; macOS puts the second one into its archives."""


def from_folders(roots: Sequence[Path]) -> ImageFiles:
    """List the images of folders that hold one folder for each class; classes of several folders are united.

    Folders within a class's folder belong to the class. Hidden files and folders are left aside.

    Raises:
        DataError: A folder does not look like that, or may not be read, or a class has no image.
    """
    found, empty, outside, others = ImageFiles(), {}, [], []
    for root in map(str, roots):
        before = len(found.names)
        for entry in (entry for entry in entries(Path(root)) if not entry.name.startswith(HIDDEN)):
            if not entry.is_dir():
                outside += [shown(entry.name)] if is_image(entry.name) else []
                continue
            if entry.is_symlink() and leads_back(Path(entry.path)):
                continue
            names, other_names, is_class = _in_class(root, entry.name)
            found.roots.extend([root] * len(names))
            found.names.extend(names)
            found.class_names.extend([shown(entry.name)] * len(names))
            others += other_names
            if is_class and not names:
                empty[shown(entry.name)] = (entry.path, other_names)
        if len(found.names) == before:
            raise DataError(
                f"'{root}' holds no folder with PNG or JPEG files in it.",
                hint="put the images of each class into a folder of their own: data/cat/1.png, data/dog/2.png; or give "
                "the CSV file with their classes: data.labels.",
            )
    _check_empty({name: where for name, where in empty.items() if name not in set(found.class_names)})
    noted = (
        *note("missing_label", outside, "it is in no class's folder"),
        *note("unsupported", others, "only PNG and JPEG files are read"),
    )
    return ImageFiles(found.roots, found.names, found.class_names, noted=noted)


def _in_class(root: str, folder: str) -> tuple[list[str], list[str], bool]:
    """Return the paths of a class's images, from the root, those of other formats, and whether it is a class at all.

    A folder with other files and no images is none.

    Raises:
        DataError: The folder holds no images, but folders with images, so it is probably no class.
    """
    names = [f"{folder}/{name}" for name in walk(os.path.join(root, folder))]
    images = [name for name in names if is_image(name)]
    others = [shown(name) for name in names if name.lower().endswith(OTHER_ENDINGS)]
    if images and all(name.count("/") > 1 for name in images):
        deeper = list(dict.fromkeys(shown(name.split("/")[1]) for name in images))
        raise DataError(
            f"'{os.path.join(root, folder)}' holds folders ({', '.join(deeper[:5])}) where the images of a class were "
            "expected.",
            hint=f'name the folders that hold the classes: data.source: ["{os.path.join(root, folder)}", …].',
        )
    return images, others, bool(images or others or not names)


def _check_empty(empty: dict[str, tuple[str, list[str]]]) -> None:
    if not empty:
        return
    (path, others), names = next(iter(empty.values())), ", ".join(map(repr, list(empty)[:5]))
    inside = f"holds nothing but files such as '{others[0]}', and only PNG and JPEG are read" if others else "is empty"
    one = f"class {names} has" if len(empty) == 1 else f"{len(empty):,} classes ({names}) have"
    raise DataError(
        f"the {one} no image: the folder '{path}' {inside}.",
        hint="put PNG or JPEG files there, or remove the folder; a class of which there is no image cannot be learnt.",
    )
