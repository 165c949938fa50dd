"""Whether an image can be decoded by everything that will have to: TensorFlow in training, and Pillow in reports."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

from components.ingest.images import jpeg, png
from components.ingest.images.headers import Header, undecodable
from estafet.source_schema import ImageBounds

_PILLOW_ERRORS = (OSError, ValueError, SyntaxError, struct.error, zlib.error, Image.DecompressionBombError)


def read_header(content: bytes) -> Header:
    """Walk through a PNG or JPEG file without decoding it, and return what its header says; a file's name is nothing.

    Raises:
        Refused: It is no such file, or it is damaged, or of a kind that is not decoded everywhere.
    """
    if content.startswith(jpeg.SIGNATURE):
        return jpeg.read_jpeg_header(content)
    if content.startswith(png.SIGNATURE):
        return png.read_png_header(content)
    if not content:
        raise undecodable("the file is empty (0 bytes)")
    raise undecodable("it is no PNG or JPEG file")


def check_pixels(content: bytes) -> None:
    """Decode an image whose structure is sound, as strictly as TensorFlow will.

    Raises:
        Refused: Its pixels are damaged.
    """
    if content.startswith(png.SIGNATURE):
        png.check_png_pixels(content)
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            image.load()
    except _PILLOW_ERRORS as error:
        raise undecodable(str(error)) from error


def outside_bounds(header: Header, bounds: ImageBounds) -> str:
    """Say in what way an image is not as the pinned schema wants it, or nothing."""
    for name, found in (("height", header.height), ("width", header.width)):
        least, most = getattr(bounds, f"min_{name}"), getattr(bounds, f"max_{name}")
        if least is not None and found < least:
            return f"its {name} of {found:,} pixels is below {least:,}"
        if most is not None and found > most:
            return f"its {name} of {found:,} pixels is above {most:,}"
    if bounds.channels is not None and header.channels not in bounds.channels:
        return f"it has {header.channels} channels, not {' or '.join(map(str, bounds.channels))}"
    return ""
