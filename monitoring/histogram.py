"""Small histograms of a column: the reference beside the requests, drawn without a plotting library."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from monitoring.baseline import Baseline, Profile

WIDTH, HEIGHT, MARGIN, LEGEND = 640, 180, 12, 26
MAX_BARS = 24
REFERENCE_COLOUR, REQUEST_COLOUR, INK = "#9aa7b5", "#c2410c", "#1c2430"


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
    image = Image.new("RGB", (WIDTH, HEIGHT + LEGEND), "white")
    pen = ImageDraw.Draw(image)
    highest = max(float(reference.max(initial=0)), float(current.max(initial=0)), 1e-9)
    slot = (WIDTH - 2 * MARGIN) / len(names)
    floor = HEIGHT - MARGIN
    for index, pair in enumerate(zip(reference, current, strict=True)):
        left = MARGIN + index * slot
        for half, (share, colour) in enumerate(zip(pair, (REFERENCE_COLOUR, REQUEST_COLOUR), strict=True)):
            start = left + half * slot * 0.44
            top = floor - share / highest * (HEIGHT - 2 * MARGIN)
            if share > 0:
                pen.rectangle([start, min(top, floor - 1), start + slot * 0.42, floor], fill=colour)
    pen.line([MARGIN, floor, WIDTH - MARGIN, floor], fill=INK)
    _legend(pen, names)
    return _as_png(image)


def _legend(pen: ImageDraw.ImageDraw, names: list[str]) -> None:
    top = HEIGHT - MARGIN + 4
    pen.text((MARGIN, top), _ascii(names[0]), fill=INK)
    last = _ascii(names[-1])
    pen.text((WIDTH - MARGIN - pen.textlength(last), top), last, fill=INK)
    for left, colour, text in ((220, REFERENCE_COLOUR, "reference"), (330, REQUEST_COLOUR, "requests")):
        pen.rectangle([left, top + 14, left + 10, top + 24], fill=colour)
        pen.text((left + 16, top + 13), text, fill=INK)


def _ascii(name: str) -> str:
    """The built-in bitmap font knows no other letters."""
    return name.encode("ascii", "replace").decode()[:20]


def _as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
