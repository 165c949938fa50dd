"""Images in `.npz` files, which become PNG files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from components.ingest.images.headers import Header
from components.ingest.images.pictures import Loaded
from components.ingest.labels import number_as_name
from components.ingest.sources.npz import read_arrays
from estafet.errors import DataError
from estafet.records.manifest import Anomaly


@dataclass(frozen=True)
class ImageArrays:
    """Images that are rows of arrays; see `Pictures`.

    Attributes:
        arrays: uint8 (N, height, width) or (N, height, width, 3), one for each file.
        places: For each image its array and its row there.
        names: The file and the row of each.
        class_names: The class of each.
    """

    arrays: list[np.ndarray]
    places: list[tuple[int, int]]
    names: list[str]
    class_names: list[str]
    groups: None = None
    noted: tuple[Anomaly, ...] = ()

    def num_bytes(self, number: int) -> int:
        """Return the number of bytes of its pixels."""
        array, _ = self.places[number]
        return self.arrays[array].nbytes // len(self.arrays[array])

    def load(self, number: int) -> Loaded:
        """Return one of them as a PNG file.

        Its digest is made of the pixels, since another release of zlib may write another file.
        """
        array, row = self.places[number]
        pixels = self.arrays[array][row]
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="PNG")
        identity = f"{pixels.shape}|".encode() + pixels.tobytes()
        return Loaded(buffer.getvalue(), identity, Header(*pixels.shape[:2], 1 if pixels.ndim == 2 else 3))


def from_arrays(files: Sequence[Path]) -> ImageArrays:
    """Read the images of `.npz` files: uint8 (N, height, width) or (N, height, width, 1 or 3).

    Raises:
        DataError: The arrays have another type or shape.
    """
    found = ImageArrays([], [], [], [])
    for path in files:
        try:
            x, y = read_arrays(path)
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(f"'{path}' cannot be read: {error}.", hint="is it an .npz file?") from error
        if x.dtype != np.uint8 or x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[3] not in (1, 3)):
            raise DataError(
                f"'{path}' holds x of type {x.dtype} and shape {x.shape}, and images are uint8 (N, height, width) or "
                "(N, height, width, 1 or 3).",
                hint="convert it: x = (255 * x).astype('uint8') where it goes from 0 to 1.",
            )
        found.places.extend((len(found.arrays), row) for row in range(len(x)))
        found.arrays.append(x[..., 0] if x.ndim == 4 and x.shape[3] == 1 else x)
        found.names.extend(f"{path.name} row {row + 1}" for row in range(len(x)))
        found.class_names.extend(_class_names(path, y))
    if not found.names:
        raise DataError(f"'{files[0]}' holds no images.", hint="check what wrote it, or correct data.source.")
    return found


def _class_names(path: Path, labels_N: np.ndarray) -> list[str]:
    is_float = np.issubdtype(labels_N.dtype, np.floating)
    names = [number_as_name(value) if is_float else str(value).strip() for value in labels_N.tolist()]
    if "" in names:
        raise DataError(
            f"{names.count(''):,} of {len(names):,} images in '{path}' have no label, the first being row "
            f"{names.index('') + 1:,}.",
            hint="give each image a class, or take those images out.",
        )
    return names
