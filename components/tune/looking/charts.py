"""What all figures of the page share: a heading, a caption, colours, and a sentence where there is nothing to draw."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.tune.result import Study

if TYPE_CHECKING:
    import plotly.graph_objects as go

WINNER_COLOUR, OWN_COLOUR, TRIAL_COLOUR, QUIET_COLOUR, BROKEN_COLOUR = (
    "#e4572e", "#e0a02a", "#4c78a8", "#98a4b3", "#b07aa1",
)  # fmt: skip
COLOUR_SCALE = "Viridis"
LOGARITHMIC_FROM_RATIO = 5
FONT_SIZE = 13
MAX_TICKS, TICK_MARGIN = 6, 1.1


class NothingToDrawError(Exception):
    """There is too little for a figure; the message, a sentence, takes its place."""


@dataclass(frozen=True)
class Chart:
    """A figure of the page, or the sentence in its place.

    Attributes:
        heading: What it shows, in a few words.
        caption: How it is read.
        figure: A plotly figure, or None.
        instead: Why there is none.
        height: Pixels.
        min_width: Pixels below which it is not squeezed but scrolled.
    """

    heading: str
    caption: str
    figure: go.Figure | None
    instead: str = ""
    height: int = 400
    min_width: int = 0


def chart(
    heading: str,
    caption: str,
    draw: Callable[[Study], go.Figure],
    study: Study,
    *,
    height: int = 400,
    min_width: int = 0,
) -> Chart:
    """Return a chart, whatever becomes of its drawing: no picture is worth a study that took hours."""
    try:
        return Chart(heading, caption, plain(draw(study)), height=height, min_width=min_width)
    except NothingToDrawError as reason:
        return Chart(heading, caption, None, str(reason))
    except Exception as error:
        return Chart(heading, caption, None, f"This could not be drawn ({type(error).__name__}: {error}).")


def plain(figure: go.Figure) -> go.Figure:
    """Return a figure without the title and the background that Optuna gives it; the page has both."""
    figure.update_layout(
        template="none",
        title=None,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": FONT_SIZE, "family": "system-ui, sans-serif"},
        margin={"l": 8, "r": 16, "t": 28, "b": 8},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(automargin=True, zeroline=False, title_font_size=FONT_SIZE)
    figure.update_yaxes(automargin=True, zeroline=False, title_font_size=FONT_SIZE)
    return figure


def scale_of(values: Iterable[float | None]) -> str:
    """Return the scale on which values can be told apart: log where they are above 0 and far apart."""
    known = [value for value in values if value is not None]
    is_wide = known and min(known) > 0 and max(known) > LOGARITHMIC_FROM_RATIO * min(known)
    return "log" if is_wide else "linear"


def number_axis(values: Iterable[float | None], title: str) -> dict[str, object]:
    """Return an axis for values, logarithmic where they are far apart, with few ticks."""
    known = [value for value in values if value is not None]
    ticks = log_ticks(known) if scale_of(known) == "log" else {"type": "linear", "nticks": 7}
    return {**ticks, "title": {"text": title}}


def log_ticks(values: Sequence[float], most: int = MAX_TICKS) -> dict[str, object]:
    """Return a logarithmic axis with whole numbers at its ticks: 1, 2, 5, 10, … or, for a long one, powers of ten.

    Args:
        values: What is drawn; all above 0.
        most: Number of ticks above which only powers of ten get one.
    """
    low, high = min(values), max(values)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    ticks = [tick for tick in steps if low / TICK_MARGIN <= tick <= high * TICK_MARGIN]
    if len(ticks) > most:
        ticks = [10.0**power for power in powers if low / TICK_MARGIN <= 10.0**power <= high * TICK_MARGIN]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
