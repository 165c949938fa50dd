"""A few images side by side."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

TILE, GAP = 96, 6
"""Pixels: an image's side, and the room between two."""
CLEAR, SOFT = (0, 0, 0, 0), "#b3261e"


def strip(contents: Sequence[bytes], least: int = 1) -> bytes:
    """Return a PNG file with some images in a row; one that cannot be decoded is said to be so.

    Args:
        contents: The images' files, as they came.
        least: Number of images for which there is room, so that several strips can have one scale.
    """
    picture = Image.new("RGBA", (max(len(contents), least) * (TILE + GAP) - GAP, TILE), CLEAR)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    for column, content in enumerate(contents):
        left, tile = column * (TILE + GAP), _tile(content)
        if tile is None:
            pen.text((left + TILE / 2, TILE / 2), "unreadable", SOFT, font, anchor="mm")
        else:
            picture.paste(tile, (left + (TILE - tile.width) // 2, (TILE - tile.height) // 2))
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _tile(content: bytes) -> Image.Image | None:
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.draft("RGB", (TILE, TILE))
            wide = image.mode.startswith("I")
            image = image.point(lambda value: value / 256).convert("L") if wide else image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if max(image.size) <= TILE // 2:
        factor = TILE // max(image.size)
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    image.thumbnail((TILE, TILE))
    return image


def strips(by_class: Mapping[str, Sequence[bytes]]) -> dict[str, bytes]:
    """Return a strip for each class, all of one scale."""
    most = max(map(len, by_class.values()), default=1)
    return {name: strip(contents, most) for name, contents in by_class.items()}
