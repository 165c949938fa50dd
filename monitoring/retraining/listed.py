"""The CSV file that gives images their classes, with the labelled requests at its end."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from estafet.errors import ConfigError
from estafet.files import replacing
from estafet.runfile.data import Data
from monitoring.retraining.sources import encoding_by_mark

NUM_ROWS_TRIED = 100
ENDINGS = ("", ".png", ".jpg", ".jpeg")


def write_listing(folder: Path, images: Sequence[tuple[str, str, str]], data: Data, sources: Sequence[str]) -> Path:
    """Write the rows of `data.labels`, and after them one for each image.

    Args:
        folder: Where the file goes.
        images: For each image its path in that folder, its class and its request.
        data: The run file's `data` section, `labels` being an absolute path.
        sources: The folders of the old images.

    Raises:
        ConfigError: `data.labels` is not on this machine, or it cannot be told which column holds the paths.
    """
    old = Path(data.labels)
    if not old.is_file():
        raise ConfigError(
            f"labelled requests cannot be added to '{data.labels}', which is no file of this machine.",
            hint="set data.labels to a copy that is, or set monitor.policy.retrain: off.",
        )
    content = gzip.decompress(old.read_bytes()) if old.suffix == ".gz" else old.read_bytes()
    encoding = encoding_by_mark(content) if data.encoding == "auto" else data.encoding
    delimiter = "\t" if old.name.removesuffix(".gz").endswith(".tsv") and data.delimiter == "," else data.delimiter
    how = {"delimiter": delimiter, "quotechar": data.quote}
    rows = [row for row in csv.reader(io.StringIO(content.decode(encoding), newline=""), **how) if row]
    header = [name.strip() for name in rows[0]]
    image, label = _image_column(header, rows[1:], data, sources), data.label or "label"
    group = data.split.group_by
    for path, class_name, request in images:
        known = {image: path, label: class_name} | ({group: request} if group else {})
        rows.append([known.get(name, "") for name in header])
    target = folder / old.name.removesuffix(".gz")
    with replacing(target, "wb") as file:
        text = io.TextIOWrapper(file, encoding, newline="")
        csv.writer(text, lineterminator="\n", **how).writerows(rows)
        text.flush()
        text.detach()
    return target


def _image_column(header: Sequence[str], rows: Sequence[Sequence[str]], data: Data, sources: Sequence[str]) -> str:
    if data.image_column:
        return data.image_column
    for row in islice(rows, NUM_ROWS_TRIED):
        for name, value in zip(header, row, strict=False):
            names_image = any(Path(source, value.strip() + end).is_file() for source in sources for end in ENDINGS)
            if name != (data.label or "label") and names_image:
                return name
    raise ConfigError(
        f"no column of '{data.labels}' holds paths of images in '{sources[0]}'.",
        hint=f"set data.image_column to one of: {', '.join(header[:10])}.",
    )
