"""Looks at images whose classes stand in a CSV file, in their folder or beside it."""

from __future__ import annotations

import csv
from collections import Counter
from itertools import chain
from pathlib import Path

from cli.proposal.columns import LABEL_NAMES
from cli.proposal.delimiter import NUM_CHARS, delimiter_of
from cli.proposal.images import ENDINGS, of_files
from cli.proposal.seen import ImagesLook
from estafet.errors import ConfigError

TABLES = (".csv", ".tsv")


def look_at_listed(folder: Path, label: str | None) -> ImagesLook | None:
    """Look at the images that a CSV file gives classes; None where there is no such file.

    Args:
        folder: The folder of images, or one with the images in a folder beside the file.
        label: The column with the classes, where the user has named it.

    Raises:
        ConfigError: The file has no such column.
    """
    inside = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    roots = [folder, *(entry for entry in inside if entry.is_dir())]
    beside = sorted(folder.resolve().parent.iterdir())
    near = [(table, roots) for table in inside] + [(table, [folder]) for table in beside]
    for table, possible in near:
        if table.is_file() and table.suffix.lower() in TABLES:
            found = _read(table, possible, label)
            if found is not None:
                return found
    return None


def _read(table: Path, roots: list[Path], label: str | None) -> ImagesLook | None:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            start = file.read(NUM_CHARS)
            file.seek(0)
            delimiter = delimiter_of(start)
            rows = csv.DictReader(file, delimiter=delimiter)
            first = next(rows, {})
            places = ((root, name) for root in roots for name, value in first.items() if _image(root, value))
            root, image_column = next(places, (None, ""))
            if root is None:
                return None
            column = _label_column([name for name in first if name and name != image_column], label, table)
            listed = [(row[image_column], (row[column] or "").strip()) for row in chain([first], rows)]
    except (UnicodeDecodeError, csv.Error):
        return None
    files = [file for value, _ in listed if (file := _image(root, value))]
    classes = Counter(name for _, name in listed if name)
    return of_files(root, files, dict(classes), labels=table, label=column, delimiter=delimiter)


def _image(root: Path, written: object) -> Path | None:
    if not isinstance(written, str) or not written.strip():
        return None
    paths = (root / f"{written.strip()}{ending}" for ending in ("", *ENDINGS))
    return next((path for path in paths if path.name.lower().endswith(ENDINGS) and path.is_file()), None)


def _label_column(names: list[str], label: str | None, table: Path) -> str:
    if label is not None and label in names:
        return label
    if label is not None or not names:
        raise ConfigError(
            f"'{table.name}' has no column '{label or 'label'}' beside that of the images.",
            hint=f"name one of: {', '.join(names) or 'none is there; add one with the classes'}.",
        )
    return next((name for name in names if name.strip().lower() in LABEL_NAMES), names[-1]).strip()
