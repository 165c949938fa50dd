"""What a look at data saw: the first rows of a table, or what a set of images is like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

LOOK_ROWS = 100_000


@dataclass(frozen=True)
class TableLook:
    """The first rows of a table.

    Attributes:
        format: csv, parquet or npz.
        rows: The first rows, as an Arrow table.
        num_rows: Number of rows in all files; estimated where they are too large to look at as a whole.
        num_files: Number of files.
        delimiter: Character between two fields of a CSV file.
        decimal: Character before the fraction of a number in a CSV file.
    """

    format: str
    rows: pa.Table
    num_rows: int
    num_files: int = 1
    delimiter: str = ","
    decimal: str = "."


@dataclass(frozen=True)
class ImagesLook:
    """What a set of images is like.

    Attributes:
        format: images or npz.
        classes: Number of images of each class; of all of them, where the classes have no names.
        height: Median height in pixels.
        width: Median width in pixels.
        channels: 1 for grey, 3 for colour.
        same_size: Whether all of those looked at have one size.
        source: The folder that they are in, where it is one.
        labels: The CSV file that gives them their classes, where there is one.
        label: Its column with the classes.
        delimiter: Character between two of its fields.
    """

    format: str
    classes: dict[str, int]
    height: int
    width: int
    channels: int
    same_size: bool = True
    source: Path | None = None
    labels: Path | None = None
    label: str | None = None
    delimiter: str = ","

    @property
    def num_images(self) -> int:
        """Number of images in all."""
        return sum(self.classes.values())
