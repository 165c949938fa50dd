"""Images whose classes stand in a CSV file."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from components.ingest.images.files import ImageFiles, is_image, note, walk
from components.ingest.images.pictures import shown
from components.ingest.quality.anomalies import Anomalies
from components.ingest.sources.find import ENDINGS, closest
from components.ingest.sources.records import check_delimiter
from components.ingest.sources.text import chunks, undecodable
from components.ingest.sources.types import same_columns
from estafet.errors import ConfigError, DataError
from estafet.runfile.steps import IngestSettings

NUM_ROWS_TRIED = 100
"""So many rows are looked at to tell which column holds the images' paths."""


def from_labels(roots: Sequence[Path], settings: IngestSettings, anomalies: Anomalies) -> ImageFiles:
    """List the images that `data.labels` gives a class, wherever they are below the sources.

    Args:
        roots: Folders from which the paths in the CSV file start.
        settings: The step's settings, `labels` being a local file.
        anomalies: Told of rows without an image or a class. Images that are not listed are reported, and no anomaly.

    Raises:
        ConfigError: The file has no such column.
        DataError: It cannot be read, or lists none of the images.
    """
    files = _Files([str(root) for root in roots])
    rows = _Rows(Path(settings.labels), settings)
    listing = _Listing(files, rows, settings)
    for number, row in rows:
        listing.add(number, row, anomalies)
    if not listing.found.names:
        raise DataError(
            f"'{rows.path.name}' lists none of the {len(files.roots):,} images in '{roots[0]}'"
            + (f"; its first row names '{listing.first}'." if listing.first else ": it has no rows."),
            hint="correct data.source, data.image_column or data.labels: paths start from data.source.",
        )
    return listing.finished()


@dataclass
class _Files:
    """The images below some folders.

    Attributes:
        folders: The folders.
        roots: For each path the first folder that has it.
    """

    folders: list[str]
    roots: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in self.folders:
            for name in walk(folder):
                if is_image(name):
                    self.roots.setdefault(name, folder)

    def find(self, written: str) -> str | None:
        """Return the path of an image as it is written in a table, maybe without its ending, or None."""
        name = os.path.normpath(written.strip().replace("\\", "/"))
        for folder in self.folders if os.path.isabs(name) else ():
            name = name.removeprefix(f"{folder}/")
        return next((found for end in ("", *ENDINGS["images"]) if (found := name + end) in self.roots), None)


class _Rows:
    """The rows of the CSV file; iterating gives their numbers (from 1) and fields."""

    def __init__(self, path: Path, settings: IngestSettings):
        delimiter = "\t" if path.suffix == ".tsv" and settings.delimiter == "," else settings.delimiter
        if not path.is_file():
            raise DataError(f"the file '{path}' does not exist.", hint="correct data.labels.")
        self.path = path
        text = b"".join(piece for piece, _ in chunks(path, settings.encoding))
        try:
            lines = csv.reader(io.StringIO(text.decode(), newline=""), delimiter=delimiter, quotechar=settings.quote)
            self._rows = [row for row in lines if row]
        except UnicodeDecodeError as error:
            row = text.count(b"\n", 0, error.start)
            raise undecodable(path, "utf-8", text[error.start], row) from error
        except csv.Error as error:
            raise DataError(f"'{path}' cannot be read: {error}.", hint="correct it, or set data.quote.") from error
        if not self._rows:
            raise DataError(f"'{path}' is empty.", hint="give a CSV file with a header: image,label.")
        header = self._rows.pop(0)
        check_delimiter(path, delimiter.join(header), delimiter)
        self.columns = same_columns([path], [[name.strip() for name in header]])
        if not self._rows:
            raise DataError(
                f"'{path}' holds a header and no rows.", hint="check what wrote it, or correct data.labels."
            )

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        return enumerate(self._rows, 1)

    def column(self, name: str, key: str) -> int:
        """Return where a column stands.

        Raises:
            ConfigError: There is none of that name.
        """
        if name not in self.columns:
            raise ConfigError(
                f"{key} names '{name}', and '{self.path.name}' has no column '{name}'.",
                hint=closest(name, self.columns),
            )
        return self.columns.index(name)


class _Listing:
    """Takes in the rows of the CSV file."""

    def __init__(self, files: _Files, rows: _Rows, settings: IngestSettings):
        self.found = ImageFiles(groups=[] if settings.split.group_by else None)
        self.first = ""
        self._files, self._rows = files, rows
        if not settings.label and "label" not in rows.columns:
            raise ConfigError(
                "data.label names no column to predict.", hint=f"set it to one of: {', '.join(rows.columns[:10])}."
            )
        self._label = rows.column(settings.label or "label", "data.label")
        group = settings.split.group_by
        self._group = rows.column(group, "data.split.group_by") if group else None
        self._image = _image_column(files, rows, settings, self._label)
        self._seen: dict[str, tuple[int, str]] = {}
        self._again: list[str] = []

    def add(self, number: int, row: list[str], anomalies: Anomalies) -> None:
        """Take in a row, whose number counts from 1."""
        where = f"{self._rows.path.name} row {number:,}"
        if len(row) != len(self._rows.columns):
            reason = f"it has {len(row)} fields, and the header {len(self._rows.columns)}"
            anomalies.example(where, "ragged", reason, unusable=True)
            return
        written, class_name = row[self._image].strip(), row[self._label].strip()
        self.first = self.first or written
        name = self._files.find(written)
        if name is None:
            anomalies.example(
                shown(written) or where, "missing_file", f"{where} lists it, and it is not there", unusable=True
            )
        elif not class_name:
            anomalies.example(where, "missing_label", "the label is missing", unusable=True)
        elif self._group is not None and not row[self._group].strip():
            anomalies.example(where, "missing", "its group is missing", unusable=True)
        elif name not in self._seen:
            self._take(name, number, class_name, row)
        elif self._seen[name][1] != class_name:
            first, other = self._seen[name]
            reason = f"'{shown(name)}' is of the class '{other}' in row {first:,}, and '{class_name}' here"
            anomalies.example(where, "duplicate", reason, unusable=True)
        else:
            self._again.append(where)

    def finished(self) -> ImageFiles:
        """Return the images, with what else is in the folders."""
        unlisted = (shown(name) for name in self._files.roots if name not in self._seen)
        noted = (
            *note("missing_label", unlisted, f"{self._rows.path.name} does not list it"),
            *note("duplicate", self._again, "it is listed twice, and was taken once"),
        )
        found = self.found
        return ImageFiles(found.roots, found.names, found.class_names, found.groups, noted)

    def _take(self, name: str, number: int, class_name: str, row: list[str]) -> None:
        self._seen[name] = (number, class_name)
        self.found.roots.append(self._files.roots[name])
        self.found.names.append(name)
        self.found.class_names.append(class_name)
        if self._group is not None:
            self.found.groups.append(row[self._group].strip())


def _image_column(files: _Files, rows: _Rows, settings: IngestSettings, label: int) -> int:
    """Return where the images' paths stand.

    Raises:
        ConfigError: It is given and not there, or not given and cannot be told.
    """
    if settings.image_column:
        return rows.column(settings.image_column, "data.image_column")
    for _, row in islice(rows, NUM_ROWS_TRIED):
        for i, value in enumerate(row[: len(rows.columns)]):
            if i != label and files.find(value):
                return i
    raise ConfigError(
        f"no column of '{rows.path.name}' holds paths of images in '{files.folders[0]}'.",
        hint=f"paths start from data.source; set data.image_column to one of: {', '.join(rows.columns[:10])}.",
    )
