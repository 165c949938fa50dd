"""Whether an image can be decoded, by everything that will have to."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

from PIL import Image

GREY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B", "F")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Checked:
    """What is known of an image.

    Attributes:
        content: The file's bytes.
        shape: Height, width, and 1 or 3 channels; None where it cannot be decoded.
        reason: Why it cannot be decoded, or nothing.
    """

    content: bytes
    shape: tuple[int, int, int] | None = None
    reason: str = ""


def check_image(content: bytes) -> Checked:
    """Decode a PNG or JPEG file as strictly as TensorFlow will while training, which Pillow alone does not."""
    if not content:
        return Checked(content, reason="the file is empty (0 bytes)")
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            image.load()
    except Image.UnidentifiedImageError:
        return Checked(content, reason="it is no PNG or JPEG file")
    except (OSError, ValueError, SyntaxError, struct.error, zlib.error, Image.DecompressionBombError) as error:
        return Checked(content, reason=str(error))
    if image.mode == "CMYK":
        return Checked(content, reason="its colours are CMYK: save it as RGB")
    if content.startswith(PNG_SIGNATURE) and not _is_whole_png(content):
        return Checked(content, reason="a part of the PNG file is missing or has a wrong checksum")
    return Checked(content, (image.height, image.width, 1 if image.mode in GREY_MODES else 3))


def _is_whole_png(content: bytes) -> bool:
    """Whether all chunks are there and have the right checksums (Pillow passes over those of the pixels)."""
    start, kind = len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        if start + 12 > len(content):
            return False
        (length,), kind = struct.unpack_from(">I", content, start), content[start + 4 : start + 8]
        end = start + 8 + length
        if content[end : end + 4] != struct.pack(">I", zlib.crc32(content[start + 4 : end])):
            return False
        start = end + 4
    return True
