"""Charts for a page as SVG and HTML: they follow the screen's colours and width, and need no plotting library."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from estafet.reports import shown

WIDTH, HEIGHT = 100, 36
"""Units of a chart's own coordinates; it is stretched to the room there is, and its lines keep their width."""
PART_COLOURS = 6
STYLE = """
:root { --part-0: #2563a8; --part-1: #d9772b; --part-2: #1a7f4b; --part-3: #8a4fb3; --part-4: #b3261e;
  --part-5: #5b6675; }
@media (prefers-color-scheme: dark) { :root { --part-0: #7ab3ef; --part-1: #f0a15e; --part-2: #57c78c;
  --part-3: #c39be0; --part-4: #f28b82; --part-5: #98a4b3; } }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(230px, 46%), 1fr)); gap: 12px;
  margin: 16px 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; min-width: 0; }
.card h3 { margin: 0; font-size: 15px; overflow-wrap: anywhere; }
.card p { margin: 0 0 8px; color: var(--soft); font-size: 13px; }
.drawing { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px; margin: 16px 0; }
.drawing > p { margin: 10px 0 0; color: var(--soft); font-size: 13px; }
svg.chart { display: block; width: 100%; height: 64px; }
svg.tall { height: 240px; border: solid var(--line); border-width: 0 0 1px 1px; }
.ends { display: flex; justify-content: space-between; gap: 12px; color: var(--soft); font-size: 12px;
  font-variant-numeric: tabular-nums; }
.plot { display: grid; grid-template-columns: auto 1fr; gap: 2px 8px; }
.plot .ends.up { flex-direction: column; text-align: right; }
.plot .ends.along { grid-column: 2; }
.bars { display: grid; grid-template-columns: fit-content(34%) 1fr auto; gap: 0 10px; align-items: center;
  font-size: 13px; line-height: 1.7; }
.bar { display: contents; }
.bar span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.bar b { font-weight: 400; color: var(--soft); font-variant-numeric: tabular-nums; }
.track { display: flex; height: 9px; border-radius: 3px; overflow: hidden; }
.strips { display: grid; grid-template-columns: fit-content(34%) 1fr; gap: 6px 12px; align-items: center;
  font-size: 13px; }
.strips span { overflow-wrap: anywhere; }
.strips img { display: block; max-width: 100%; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin-bottom: 10px; font-size: 13px; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px; }
""" + "".join(
    f".fill-{i} {{ background: var(--part-{i}); fill: var(--part-{i}); }} .line-{i} {{ stroke: var(--part-{i}); }}\n"
    for i in range(PART_COLOURS)
)


@dataclass(frozen=True)
class Card:
    """One column of the data in a few words and a small chart.

    Attributes:
        title: The column.
        text: What it is.
        chart: A chart's markup.
    """

    title: str
    text: str
    chart: str = ""


def cards(of: Sequence[Card]) -> str:
    """Return cards side by side."""
    made = (
        f'<div class="card"><h3>{escape(card.title)}</h3><p>{escape(card.text)}</p>{card.chart}</div>' for card in of
    )
    return f'<div class="cards">{"".join(made)}</div>'


def drawing(chart: str, caption: str) -> str:
    """Return a chart in a frame of its own."""
    return f'<div class="drawing">{chart}<p>{escape(caption)}</p></div>'


def histogram(counts_B: Sequence[int], low: float, high: float) -> str:
    """Return a histogram of bins of one width.

    Args:
        counts_B: Values in each bin.
        low: Where the first bin begins.
        high: Where the last one ends.
    """
    if not len(counts_B) or not max(counts_B):
        return ""
    width, scale = WIDTH / len(counts_B), HEIGHT / max(counts_B)
    bars = "".join(
        f'<rect x="{i * width:.2f}" y="{HEIGHT - max(scale * count, 0.7):.2f}" width="{0.92 * width:.2f}" '
        f'height="{max(scale * count, 0.7):.2f}" class="fill-0"/>'
        for i, count in enumerate(counts_B)
        if count
    )
    return _svg(bars) + _ends(shown(float(low)), shown(float(high)))


def bars(counts: Mapping[str, float], total: float) -> str:
    """Return a bar for each name, with its share of a total."""
    most = max(counts.values(), default=0) or 1
    rows = "".join(
        f'<div class="bar"><span title="{escape(name)}">{escape(name) or "(empty)"}</span><div class="track">'
        f'<i class="fill-0" style="width:{100 * count / most:.1f}%"></i></div><b>{_share(count, total)}</b></div>'
        for name, count in counts.items()
    )
    return f'<div class="bars">{rows}</div>'


def stacked_bars(counts: Mapping[str, Sequence[int]], parts: Sequence[str]) -> str:
    """Return a bar for each name, divided into parts, such as the examples of each class by split."""
    most = max((sum(of) for of in counts.values()), default=0) or 1
    rows = []
    for name, of in counts.items():
        track = "".join(
            f'<i class="fill-{i % PART_COLOURS}" style="width:{100 * count / most:.2f}%" '
            f'title="{escape(part)}: {count:,}"></i>'
            for i, (part, count) in enumerate(zip(parts, of, strict=True))
        )
        rows.append(
            f'<div class="bar"><span title="{escape(name)}">{escape(name)}</span><div class="track">{track}</div>'
            f"<b>{sum(of):,}</b></div>"
        )
    return f'{legend(parts)}<div class="bars">{"".join(rows)}</div>'


def strips(pictures: Mapping[str, bytes]) -> str:
    """Return a picture beside each name; they are PNG files, which become part of the page."""
    rows = (
        f'<span>{escape(name)}</span><img alt="{escape(name)}" '
        f'src="data:image/png;base64,{base64.b64encode(png).decode("ascii")}">'
        for name, png in pictures.items()
    )
    return f'<div class="strips">{"".join(rows)}</div>'


def lines(series: Mapping[str, tuple[np.ndarray, np.ndarray]], ends: tuple[str, str]) -> str:
    """Return a line over time for each part, in its colour.

    Args:
        series: For each part the times and the values, each (T,), in order of time; a line breaks where a value is NaN.
        ends: What is written below the first and the last time.
    """
    known = [values for _, values in series.values() if np.isfinite(values).any()]
    if not known:
        return ""
    first = min(float(times[0]) for times, _ in series.values() if len(times))
    last = max(float(times[-1]) for times, _ in series.values() if len(times))
    low, high = min(float(np.nanmin(v)) for v in known), max(float(np.nanmax(v)) for v in known)
    paths = []
    for i, (times_T, values_T) in enumerate(series.values()):
        x_T = WIDTH * (np.asarray(times_T, np.float64) - first) / (last - first or 1)
        y_T = 1 + (HEIGHT - 2) * (high - values_T) / (high - low or 1)
        is_known_T = np.isfinite(y_T)
        moves = np.where(np.r_[True, ~is_known_T[:-1]], "M", "L")
        path = "".join(f"{moves[t]}{x_T[t]:.3f} {y_T[t]:.3f}" for t in np.flatnonzero(is_known_T))
        paths.append(f'<path d="{path}" class="line-{i % PART_COLOURS}" fill="none" {_STROKE}/>')
    return legend(list(series)) + _plot("".join(paths), (shown(low), shown(high)), ends)


def scatter(x_N: np.ndarray, y_N: np.ndarray, x_name: str, y_name: str) -> str:
    """Return a dot for each pair of numbers, on axes that begin at 0."""
    right, top = float(max(x_N)) or 1.0, float(max(y_N)) or 1.0
    dots = "".join(
        f"M{2 + (WIDTH - 4) * x / right:.2f} {HEIGHT - 2 - (HEIGHT - 4) * y / top:.2f}h0"
        for x, y in sorted(set(zip(map(float, x_N), map(float, y_N), strict=True)))
    )
    drawn = f'<path d="{dots}" class="line-0" opacity=".6" {_STROKE.replace("1.4", "6")}/>'
    return _plot(drawn, ("0", f"{shown(top)} {y_name}"), ("0", f"{shown(right)} {x_name}"))


def legend(parts: Sequence[str]) -> str:
    """Return the colours of the parts."""
    named = (f'<span><i class="fill-{i % PART_COLOURS}"></i>{escape(part)}</span>' for i, part in enumerate(parts))
    return f'<div class="legend">{"".join(named)}</div>'


_STROKE = 'stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" vector-effect="non-scaling-stroke"'


def _plot(markup: str, up: tuple[str, str], along: tuple[str, str]) -> str:
    up_names = f'<div class="ends up"><span>{escape(up[1])}</span><span>{escape(up[0])}</span></div>'
    return f'<div class="plot">{up_names}{_svg(markup, "chart tall")}{_ends(*along, style="ends along")}</div>'


def _svg(markup: str, style: str = "chart") -> str:
    return f'<svg class="{style}" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">{markup}</svg>'


def _ends(left: str, right: str, style: str = "ends") -> str:
    return f'<div class="{style}"><span>{escape(left)}</span><span>{escape(right)}</span></div>'


def _share(count: float, total: float) -> str:
    return f"{count / total:.1%}".replace("%", " %") if total else ""
