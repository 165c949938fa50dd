"""Whether a PNG file is whole: a walk along its chunks and their checksums.

Source:
    W3C, "Portable Network Graphics (PNG) Specification", sections 5 and 11.
"""

from __future__ import annotations

import struct
import zlib

from components.ingest.images.headers import Header, check_size, undecodable

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_BIT_DEPTHS = {_GREY: (1, 2, 4, 8, 16), _RGB: (8, 16), _PALETTE: (1, 2, 4, 8), _GREY_ALPHA: (8, 16), _RGBA: (8, 16)}
_VALUES_PER_PIXEL = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGBA: 4}
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_NUM_HEADER_BYTES = 13
_ADAM7 = ((8, 0, 8, 0), (8, 4, 8, 0), (4, 0, 8, 4), (4, 2, 4, 0), (2, 0, 4, 2), (2, 1, 2, 0), (1, 0, 2, 1))
"""For each pass of an interlaced image the distance of its columns, the first one, and the same of its rows."""


def read_png_header(content: bytes) -> Header:
    """Walk through a PNG file, and return what its header says.

    Args:
        content: The file's bytes, beginning with `SIGNATURE`; what stands behind its end is left aside.

    Raises:
        Refused: It is damaged.
    """
    view, start, kind, seen = memoryview(content), len(SIGNATURE), b"", set()
    while kind != b"IEND":
        end = start + 8 + int.from_bytes(content[start : start + 4], "big")
        if end + 4 > len(content):
            raise undecodable(f"the PNG file is truncated: a part at byte {start:,} of {len(content):,} has no end")
        kind = content[start + 4 : start + 8]
        if zlib.crc32(view[start + 4 : end]) != int.from_bytes(content[end : end + 4], "big"):
            raise undecodable(f"a part of the PNG file has a wrong checksum, at byte {start:,}")
        if not seen and kind != b"IHDR":
            raise undecodable("the PNG file does not begin with its header")
        if not kind[0] & 0x20 and kind not in _CRITICAL:
            raise undecodable(f"the PNG file has a part of an unknown kind, {kind!r}")
        seen.add(kind)
        start = end + 4
    return _checked_header(content, seen)


def check_png_pixels(content: bytes) -> None:
    """Decompress the pixels of a PNG file that `read_png_header` has accepted, and count them.

    Raises:
        Refused: They are damaged or too few, which Pillow passes over.
    """
    expected = _num_pixel_bytes(*struct.unpack_from(">IIBBBBB", content, len(SIGNATURE) + 8))
    unpacker = zlib.decompressobj()
    try:
        num_bytes = sum(len(unpacker.decompress(part)) for part in _pixel_parts(content))
    except zlib.error as error:
        raise undecodable(f"the pixels of the PNG file are damaged: {error}") from error
    if num_bytes < expected:
        raise undecodable(f"the PNG file holds {num_bytes:,} of {expected:,} bytes of pixels")


def _checked_header(content: bytes, seen: set[bytes]) -> Header:
    header = content[len(SIGNATURE) + 8 :][:_NUM_HEADER_BYTES]
    width, height, bit_depth, colour, compression, filtering, interlacing = struct.unpack(">IIBBBBB", header)
    if bit_depth not in _BIT_DEPTHS.get(colour, ()) or compression or filtering or interlacing > 1:
        raise undecodable("the header of the PNG file is damaged")
    if b"IDAT" not in seen or (colour == _PALETTE and b"PLTE" not in seen):
        raise undecodable("the PNG file lacks its pixels or its palette")
    check_size(height, width)
    return Header(height, width, 1 if colour in (_GREY, _GREY_ALPHA) else 3, bit_depth)


def _pixel_parts(content: bytes) -> list[bytes]:
    parts, start, kind = [], len(SIGNATURE), b""
    while kind != b"IEND":
        end = start + 8 + int.from_bytes(content[start : start + 4], "big")
        kind = content[start + 4 : start + 8]
        if kind == b"IDAT":
            parts.append(content[start + 8 : end])
        start = end + 4
    return parts


def _num_pixel_bytes(width: int, height: int, bit_depth: int, colour: int, _c: int, _f: int, interlacing: int) -> int:
    """Return the length of the pixels when decompressed: each row begins with the number of its filter."""
    passes = _ADAM7 if interlacing else ((1, 0, 1, 0),)
    total = 0
    for step_x, first_x, step_y, first_y in passes:
        num_columns, num_rows = -((first_x - width) // step_x), -((first_y - height) // step_y)
        if num_columns > 0 and num_rows > 0:
            total += num_rows * (1 + -(-num_columns * bit_depth * _VALUES_PER_PIXEL[colour] // 8))
    return total
