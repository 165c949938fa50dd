"""What an inspection has to say, in sections that the terminal and the page both show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cli.inspection.charts import Card
from estafet.reports import Tone

SHOWN_ON_TERMINAL = 20
SHOWN_ON_PAGE = 500


@dataclass(frozen=True)
class Section:
    """One subject.

    Attributes:
        title: What it is about.
        text: What there is to say, in a sentence or two.
        tone: Whether that is good or bad news.
        rows: A table, every row a mapping from column to value.
        limit: Number of rows that the terminal shows.
        cards: Small charts side by side, one for each column of the data; for the page.
        drawings: Larger ones, each with a caption; for the page.
    """

    title: str
    text: str = ""
    tone: Tone | None = None
    rows: tuple[Mapping[str, object], ...] = ()
    limit: int = SHOWN_ON_TERMINAL
    cards: tuple[Card, ...] = ()
    drawings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Findings:
    """A whole inspection.

    Attributes:
        title: The data's name.
        subtitle: What they are, in one line.
        verdict: What it comes down to, in a few words.
        tone: Whether that is good or bad news.
        facts: The figures that head the page.
        sections: The subjects, in the order in which they are read.
    """

    title: str
    subtitle: str
    verdict: str
    tone: Tone
    facts: Mapping[str, object]
    sections: tuple[Section, ...]


def in_bytes(num_bytes: float) -> str:
    """Return a size as people read it, in powers of ten, such as `12.3 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if num_bytes < 999.5:
            return f"{num_bytes:.3g} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:,.3g} TB"


def in_percent(share: float) -> str:
    """Return a share as people read it; a small one is not rounded to nothing."""
    return "0 %" if share == 0 else f"{share:.1%}".replace("%", " %") if share >= 0.0005 else "< 0.1 %"


def counted(num: int, what: str) -> str:
    """Return a number of things as people read it, such as `1 class` and `2 classes`."""
    return f"{num:,} {what}" if num == 1 else f"{num:,} {what}{'es' if what.endswith('s') else 's'}"
