"""What the header of an image says, and why an image is refused."""

from __future__ import annotations

from typing import NamedTuple

from estafet.records.manifest import AnomalyKind

MAX_PIXELS = 178_956_970
"""Pillow decodes no image with more; TensorFlow goes a little further."""


class Header(NamedTuple):
    """What an image is.

    Attributes:
        height: In pixels.
        width: In pixels.
        channels: 1 for grey, 3 for colour; transparency does not count.
        bit_depth: Bits of one value of one channel, or of an index into a palette.
    """

    height: int
    width: int
    channels: int
    bit_depth: int = 8


class Refused(Exception):
    """An image cannot be used.

    Attributes:
        kind: In which way.
        reason: Why, for a person.
    """

    def __init__(self, kind: AnomalyKind, reason: str):
        super().__init__(reason)
        self.kind, self.reason = kind, reason


def undecodable(reason: str) -> Refused:
    """Return the error for an image that is damaged, or none."""
    return Refused("undecodable", reason)


def unsupported(reason: str) -> Refused:
    """Return the error for an image that is whole, and of a kind that not everything can decode."""
    return Refused("unsupported", reason)


def check_size(height: int, width: int) -> None:
    """Refuse an image without pixels, or with too many of them.

    Raises:
        Refused: It is such an image.
    """
    if not height or not width:
        raise undecodable(f"its header gives it {width} x {height} pixels")
    if height * width > MAX_PIXELS:
        raise unsupported(f"it has {width:,} x {height:,} pixels, and an image may have {MAX_PIXELS:,}")
