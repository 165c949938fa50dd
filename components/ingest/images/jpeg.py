"""Whether a JPEG file is whole: a walk along its segments that decodes nothing.

What it accepts is what TensorFlow (libjpeg-turbo) and Pillow decode; pixels that are damaged inside a whole file
are not seen, unless the damage looks like a marker that has no place there.

Source:
    ITU-T T.81, annex B; libjpeg-turbo, `jdmarker.c`.
"""

from __future__ import annotations

import re

from components.ingest.images.headers import Header, check_size, undecodable, unsupported

SIGNATURE = b"\xff\xd8\xff"

_EOI, _SOS, _DQT = 0xD9, 0xDA, 0xDB
_DECODED_FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
"""Baseline, extended and progressive, the last two also with arithmetic coding."""
_OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF)
"""Lossless and hierarchical."""
_KNOWN = {0xC4, 0xCC, _DQT, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)}
"""Tables, number of lines, restart interval, comment, and what applications add."""

_NO_MARKERS = {0x00, 0xFF, *range(0xD0, 0xD8)}
"""What follows a 0xFF among the pixels: a zero, or the number of a restart; a row of 0xFF is filling."""
_find_marker = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]").search


def read_jpeg_header(content: bytes) -> Header:
    """Walk through a JPEG file, and return what its header says.

    Args:
        content: The file's bytes, beginning with `SIGNATURE`; what stands behind its end is left aside.

    Raises:
        Refused: It is damaged, or of a kind that is not decoded everywhere.
    """
    try:
        return _walk(content)
    except IndexError:
        raise undecodable(f"the JPEG file is truncated: it has no end in its {len(content):,} bytes") from None


def _walk(content: bytes) -> Header:
    """Do the same; IndexError where the file ends before its end."""
    header, position, has_tables, has_pixels = None, 2, False, False
    while True:
        if content[position] != 0xFF or content[position + 1] in _NO_MARKERS:
            position = _next_marker(content, position)
        marker = content[position + 1]
        if marker == _EOI:
            if not has_pixels:
                raise undecodable("the JPEG file holds no pixels")
            return header
        if marker == _SOS:
            if header is None or not has_tables:
                raise undecodable("the pixels of the JPEG file come before what is needed to decode them")
            has_pixels = True
        elif marker == _DQT:
            has_tables = True
        elif marker not in _KNOWN:
            if header is not None and marker in _DECODED_FRAMES:
                raise undecodable("the JPEG file has two headers")
            header = _frame_header(marker, content, position + 2)
        length = content[position + 2] << 8 | content[position + 3]
        if length < 2:
            raise undecodable(f"a segment of the JPEG file at byte {position:,} is damaged")
        position += 2 + length


def _next_marker(content: bytes, position: int) -> int:
    """Return where the next marker stands."""
    found = _find_marker(content, position)
    if found is None:
        raise IndexError
    return found.start()


def _frame_header(marker: int, content: bytes, position: int) -> Header:
    """Return what a frame's segment says, whose length stands at a position."""
    if marker in _OTHER_FRAMES:
        raise unsupported("it is a lossless or hierarchical JPEG file")
    if marker not in _DECODED_FRAMES:
        raise undecodable(f"the JPEG file is damaged at byte {position - 2:,}: unknown marker {marker:#x}")
    bit_depth, num_components = content[position + 2], content[position + 7]
    height = int.from_bytes(content[position + 3 : position + 5], "big")
    width = int.from_bytes(content[position + 5 : position + 7], "big")
    if bit_depth != 8:
        raise unsupported(f"it is a JPEG file with {bit_depth} bits for each value, and only 8 are decoded")
    if num_components == 4:
        raise unsupported("its colours are CMYK: save it as RGB")
    if num_components not in (1, 3):
        raise unsupported(f"it is a JPEG file with {num_components} components")
    check_size(height, width)
    return Header(height, width, num_components)
