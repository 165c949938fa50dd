"""What can be said of an image in a few numbers, so that a camera that goes dark or blurry is seen without a model."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from estafet.errors import DataError

DESCRIPTORS = ("brightness", "contrast", "sharpness")


def describe_image(data: bytes) -> dict[str, float]:
    """Describe a PNG or JPEG file by its grey values, which lie from 0 (black) to 1 (white).

    Args:
        data: The file's bytes.

    Returns:
        `brightness`, the mean; `contrast`, the standard deviation; `sharpness`, the standard deviation of the
        Laplacian (0 for an image with fewer than 3 pixels in either direction).

    Raises:
        DataError: The bytes are no image that can be read.

    Source:
        Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study" (the Laplacian).
    """
    grey_HW = _grey_values(data)
    return {
        "brightness": float(grey_HW.mean()),
        "contrast": float(grey_HW.std()),
        "sharpness": _sharpness(grey_HW),
    }


def _grey_values(data: bytes) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.mode.startswith("I"):  # 16 bits, which a conversion to 8 would clip
                return np.asarray(image, dtype=np.float32) / 65535
            return np.asarray(image.convert("L"), dtype=np.float32) / 255
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{len(data)} bytes are no image that can be read: {error}.", hint="send the bytes of a PNG or JPEG file."
        ) from error


def _sharpness(grey_HW: np.ndarray) -> float:
    if min(grey_HW.shape) < 3:
        return 0.0
    centre = grey_HW[1:-1, 1:-1]
    neighbours = grey_HW[:-2, 1:-1] + grey_HW[2:, 1:-1] + grey_HW[1:-1, :-2] + grey_HW[1:-1, 2:]
    return float((neighbours - 4 * centre).std())
