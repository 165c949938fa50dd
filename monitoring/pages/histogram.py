"""Small histograms of a column: the reference beside the requests, drawn without a plotting library."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from monitoring.detection.baseline import Baseline, Profile

DPI = 192  # twice the page's: sharp on every screen
WIDTH, HEIGHT, LEFT, RIGHT, CEILING, FLOOR = 1440, 420, 96, 24, 64, 360
FONT_SIZE = 26
MAX_BARS, MAX_NAME = 24, 16
REFERENCE_COLOUR, REQUEST_COLOUR, INK, SOFT, LINE = "#9aa7b5", "#c2410c", "#1c2430", "#5b6675", "#e2e6eb"


def shares(baseline: Baseline, profile: Profile) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the bars of a histogram: their names, and the shares of the reference and of the requests.

    Neighbouring bins of a numeric column are drawn as one where there are many; each then holds about as much of the
    reference, so that a bar that is taller or shorter than its neighbour is what moved. Of a categorical column the
    most frequent categories are drawn, and all others as one.
    """
    reference, current = (part.counts / max(1, part.num_valid) for part in (baseline.reference, profile))
    if baseline.kind == "categorical":
        names = [*baseline.levels, "rare", "new"]
        if len(names) > MAX_BARS:
            head = MAX_BARS - 2
            reference, current = (
                np.concatenate([row[:head], [row[head:-1].sum()], row[-1:]]) for row in (reference, current)
            )
            names = [*names[:head], "others", "new"]
        return names, reference, current
    bounds = [baseline.low, *baseline.edges, baseline.high]
    starts = np.unique(np.linspace(0, len(reference), min(len(reference), MAX_BARS) + 1).astype(np.int64))[:-1]
    names = [f"{bounds[start]:.3g}" for start in starts]
    return names, np.add.reduceat(reference, starts), np.add.reduceat(current, starts)


def draw(baseline: Baseline, profile: Profile) -> bytes:
    """Return the histogram as a PNG file."""
    names, reference, current = shares(baseline, profile)
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    pen.font = ImageFont.load_default(FONT_SIZE)
    highest = max(float(reference.max(initial=0)), float(current.max(initial=0)), 1e-9)
    slot = (WIDTH - LEFT - RIGHT) / len(names)
    for share in (0, highest / 2, highest):
        top = FLOOR - share / highest * (FLOOR - CEILING)
        pen.line([LEFT, top, WIDTH - RIGHT, top], fill=INK if share == 0 else LINE, width=2)
        pen.text((LEFT - 12, top), f"{share:.0%}" if highest >= 0.05 else f"{share:.1%}", fill=SOFT, anchor="rm")
    for index, pair in enumerate(zip(reference, current, strict=True)):
        for half, (share, colour) in enumerate(zip(pair, (REFERENCE_COLOUR, REQUEST_COLOUR), strict=True)):
            start = LEFT + (index + 0.06 + half * 0.44) * slot
            top = FLOOR - share / highest * (FLOOR - CEILING)
            if share > 0:
                pen.rectangle([start, min(top, FLOOR - 2), start + slot * 0.42, FLOOR - 1], fill=colour)
    _legend(pen)
    _names(pen, [_short(name) for name in names], slot, centred=baseline.kind == "categorical")
    return _as_png(image)


def _legend(pen: ImageDraw.ImageDraw) -> None:
    right: float = WIDTH - RIGHT
    for colour, text in ((REQUEST_COLOUR, "requests"), (REFERENCE_COLOUR, "reference")):
        right -= pen.textlength(text)
        pen.text((right, FONT_SIZE), text, fill=INK, anchor="lm")
        pen.rectangle([right - 28, FONT_SIZE - 9, right - 10, FONT_SIZE + 9], fill=colour)
        right -= 28 + FONT_SIZE


def _names(pen: ImageDraw.ImageDraw, names: list[str], slot: float, *, centred: bool) -> None:
    """Write below the bars as many names as find room: a bin's start at its left, a category in its middle."""
    widest = max(pen.textlength(name) for name in names) + FONT_SIZE
    every = max(1, math.ceil(widest / slot))
    for index in range(0, len(names), every):
        if index and names[index] == names[index - every]:
            continue
        left = LEFT + index * slot
        place = (left + slot / 2, "ma") if centred else (left, "la")
        pen.text((place[0], FLOOR + 12), names[index], fill=SOFT, anchor=place[1])


def _short(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


def _as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True, dpi=(DPI, DPI))
    return buffer.getvalue()
