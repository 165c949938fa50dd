"""Pages that people open: one HTML file each, with everything inside, readable on light and dark screens."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape, unescape
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from estafet.files import replacing

Tone = Literal["good", "bad", "warn", "neutral"]
Row = Mapping[str, object] | Sequence[object]

PNG_START = b"\x89PNG\r\n\x1a\n"
LONG_CELL = 20
SCREEN_PIXELS_PER_METRE = 96 / 0.0254

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --paper: #f6f7f9; --card: #ffffff; --line: #e2e6eb;
  --accent: #2563a8; --good: #1a7f4b; --bad: #b3261e; --warn: #9a6700; --neutral: #5b6675; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #98a4b3; --paper: #12161c; --card: #1a2029;
  --line: #2c3540; --accent: #7ab3ef; --good: #57c78c; --bad: #f28b82; --warn: #e0b04a; --neutral: #98a4b3; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 40px 24px 56px; }
h1 { margin: 0; font-size: 28px; line-height: 1.2; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 40px 0 12px; font-size: 18px; }
p { margin: 8px 0; max-width: 75ch; }
a { color: var(--accent); }
.subtitle { margin: 6px 0 0; color: var(--soft); overflow-wrap: anywhere; }
.verdict { display: inline-block; margin: 18px 0 0; padding: 6px 14px; border: 1px solid; border-radius: 8px;
  font-weight: 600; max-width: none; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.neutral { color: var(--neutral); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(170px, 45%), 1fr)); gap: 12px;
  margin: 20px 0; }
.facts div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; }
.facts dt { color: var(--soft); font-size: 13px; }
.facts dd { margin: 2px 0 0; font-size: 19px; font-weight: 600; overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  margin: 12px 0; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding: 10px 14px 0; color: var(--soft); font-size: 13px; }
th, td { text-align: left; padding: 8px 14px; border-bottom: 1px solid var(--line); }
td { white-space: nowrap; }
td.long { white-space: normal; min-width: 12em; overflow-wrap: anywhere; }
th { color: var(--soft); font-size: 13px; font-weight: 600; white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: 16px 0; padding: 12px; background: #ffffff; border: 1px solid var(--line); border-radius: 10px; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { color: #5b6675; font-size: 13px; padding: 8px 4px 0; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px;
  overflow-x: auto; font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
footer { margin-top: 48px; color: var(--soft); font-size: 13px; }
@media (max-width: 560px) { main { padding: 28px 14px 40px; } th, td { padding: 8px 10px; }
  body { font-size: 14px; } figure { padding: 8px; } h2 { margin-top: 32px; } }
"""


class Page:
    """A page that grows from top to bottom; every piece of text is escaped, and every method returns the page.

    Attributes:
        title: What the page is about.
        subtitle: One line below the title.
        style: CSS for what `drawing` adds.
    """

    def __init__(self, title: str, subtitle: str = "", *, style: str = ""):
        self.title, self.subtitle, self.style = title, subtitle, style
        self._parts: list[str] = []

    def heading(self, text: str) -> Page:
        """Start a section."""
        return self._add(f"<h2>{escape(text)}</h2>")

    def text(self, text: str, tone: Tone | None = None) -> Page:
        """Add a paragraph, in a colour where it is good or bad news."""
        style = f' class="{_tone(tone)}"' if tone else ""
        return self._add(f"<p{style}>{escape(text)}</p>")

    def verdict(self, text: str, tone: Tone = "neutral") -> Page:
        """Add what the whole page comes down to, in a few words."""
        return self._add(f'<p class="verdict {_tone(tone)}">{escape(text)}</p>')

    def facts(self, facts: Mapping[str, object]) -> Page:
        """Add names and values, side by side."""
        tiles = (f"<div><dt>{escape(name)}</dt><dd>{_shown(value)}</dd></div>" for name, value in facts.items())
        return self._add(f'<dl class="facts">{"".join(tiles)}</dl>')

    def table(self, rows: Iterable[Row], columns: Sequence[str] | None = None, caption: str = "") -> Page:
        """Add a table; columns of numbers are set to the right.

        Args:
            rows: Mappings from column to value (a missing one is left blank), or sequences in the order of `columns`.
            columns: The columns to show; those of the first row where they are not given.
            caption: What the table shows.
        """
        rows = list(rows)
        if columns is None:
            columns = list(rows[0]) if rows and isinstance(rows[0], Mapping) else []
        cells = [[row.get(c) for c in columns] if isinstance(row, Mapping) else list(row) for row in rows]
        numeric = [_all_numbers(row[i] for row in cells if i < len(row)) for i in range(len(columns))]
        head = "".join(_cell("th", escape(str(name)), number) for name, number in zip(columns, numeric, strict=True))
        body = "".join(
            f"<tr>{''.join(_cell('td', _shown(v), n) for v, n in zip(row, numeric, strict=False))}</tr>"
            for row in cells
        )
        title = f"<caption>{escape(caption)}</caption>" if caption else ""
        return self._add(
            f'<div class="scroll"><table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        )

    def figure(self, png: str | Path | bytes, caption: str = "") -> Page:
        """Add a picture, whose bytes become part of the page.

        Args:
            png: A PNG file, or its bytes.
            caption: What it shows; also the text for those who cannot see it.
        """
        data = png if isinstance(png, bytes) else Path(png).read_bytes()
        source = f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"
        below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        size = f' width="{width}"' if (width := _screen_width(data)) else ""
        return self._add(f'<figure><img src="{source}" alt="{escape(caption)}"{size}>{below}</figure>')

    def drawing(self, markup: str) -> Page:
        """Add a drawing as SVG or HTML; it is the only thing that is not escaped here, but by whoever drew it."""
        return self._add(markup)

    def link(self, text: str, target: str) -> Page:
        """Add a link to a page or a file; a target that would run a script becomes plain text."""
        if urlsplit(target.strip()).scheme.lower() not in ("", "http", "https", "file", "mailto"):
            return self.text(f"{text}: {target}")
        return self._add(f'<p><a href="{escape(target)}">{escape(text)}</a></p>')

    def code(self, text: str) -> Page:
        """Add lines as they are typed."""
        return self._add(f"<pre>{escape(text)}</pre>")

    def html(self) -> str:
        """Return the whole page."""
        below = f'<p class="subtitle">{escape(self.subtitle)}</p>' if self.subtitle else ""
        written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(self.title)}</title>\n<style>{_STYLE}{self.style}</style>\n</head>\n<body>\n<main>\n"
            f"<header><h1>{escape(self.title)}</h1>{below}</header>\n"
            + "\n".join(self._parts)
            + f"\n<footer>Written by Estafet, {written}</footer>\n</main>\n</body>\n</html>\n"
        )

    def save(self, path: str | Path) -> Path:
        """Write the page, whole or not at all, and return its path."""
        with replacing(path) as file:
            file.write(self.html())
        return Path(path)

    def _add(self, part: str) -> Page:
        self._parts.append(part)
        return self


def shown(value: object) -> str:
    """Return a value as people read it: numbers with four significant digits, nothing for None.

    Args:
        value: Anything; floats are rounded, whole numbers get separators of thousands.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return _shown_float(value)
    return str(value)


def _shown_float(value: float) -> str:
    if not math.isfinite(value):
        return "n/a"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.4g}" if abs(value) < 1e3 else f"{value:,.1f}"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.3g}"


def _shown(value: object) -> str:
    return escape(shown(value))


def _screen_width(png: bytes) -> int | None:
    """Return the width in pixels of the page at which a PNG that names its resolution has its size on paper."""
    at = png.find(b"pHYs", 0, 4096)
    if at < 0 or png[:8] != PNG_START:
        return None
    width, per_metre = struct.unpack(">I", png[16:20])[0], struct.unpack(">I", png[at + 4 : at + 8])[0]
    return round(width * SCREEN_PIXELS_PER_METRE / per_metre) if per_metre else None


def _cell(kind: str, content: str, number: bool) -> str:
    """Long words may wrap, but not to slivers; short ones stay in one line."""
    style = "number" if number else "long" if kind == "td" and len(unescape(content)) > LONG_CELL else ""
    return f'<{kind} class="{style}">{content}</{kind}>' if style else f"<{kind}>{content}</{kind}>"


def _all_numbers(values: Iterable[object]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)


def _tone(tone: str) -> str:
    return tone if tone in ("good", "bad", "warn", "neutral") else "neutral"
