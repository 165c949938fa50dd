"""Puts plotly figures into a page: plotly itself once, the figures as data, colours from the page, light or dark."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from components.tune.looking.charts import Chart
from estafet.reports import Page

STYLE = """
figure.plot { background: var(--card); } figure.plot figcaption { color: var(--soft); }
figure.plot .sideways { overflow-x: auto; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(430px, 100%), 1fr)); gap: 16px; }
.pair > div { min-width: 0; } .pair figure { margin: 8px 0; }
h3 { margin: 20px 0 4px; font-size: 15px; }
"""

_DRAW = """
const config = {responsive: true, displayModeBar: false};
const isTouched = window.matchMedia("(pointer: coarse)").matches;  // there, a drag scrolls the page
const coloured = (layout) => {
  const page = getComputedStyle(document.documentElement), of = (name) => page.getPropertyValue(name).trim();
  const changed = {"font.color": of("--ink"), "hoverlabel.bgcolor": of("--card"), "hoverlabel.font.color": of("--ink")};
  for (const key of Object.keys(layout).filter((name) => /^[xy]axis\\d*$/.test(name)))
    Object.assign(changed, {[key + ".gridcolor"]: of("--line"), [key + ".linecolor"]: of("--line")});
  (layout.annotations || []).forEach((_, index) => Object.assign(changed, {
    [`annotations[${index}].font.color`]: of("--ink"), [`annotations[${index}].bgcolor`]: of("--card")}));
  return changed;
};
const drawn = [...document.querySelectorAll("script.figure")].map((data) => {
  const {data: traces, layout} = JSON.parse(data.textContent), place = data.previousElementSibling;
  if (isTouched) layout.dragmode = false;
  return Plotly.newPlot(place, traces, layout, config).then(() => Plotly.relayout(place, coloured(layout)));
});
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  document.querySelectorAll(".js-plotly-plot").forEach((place) => Plotly.relayout(place, coloured(place.layout))));
"""


def add(page: Page, chart: Chart) -> None:
    """Add a chart below its heading, or the sentence in its place."""
    page.drawing(_markup(chart))


def add_pair(page: Page, charts: list[Chart]) -> None:
    """Add charts side by side where there is room, each below its heading."""
    page.drawing(f'<div class="pair">{"".join(f"<div>{_markup(chart)}</div>" for chart in charts)}</div>')


def finish(page: Page) -> None:
    """Add plotly, which draws what was added; 4.5 MB, so that the page needs no network."""
    from plotly.offline import get_plotlyjs

    page.drawing("<noscript><p>The figures of this page need JavaScript.</p></noscript>")
    page.drawing(f"<script>{get_plotlyjs()}</script>\n<script>{_DRAW}</script>")


def _markup(chart: Chart) -> str:
    heading = f"<h3>{escape(chart.heading)}</h3>"
    if chart.figure is None:
        return f"{heading}<p>{escape(chart.instead)}</p>"
    size = f"height:{chart.height}px" + (f";min-width:{chart.min_width}px" if chart.min_width else "")
    return (
        f'{heading}<figure class="plot"><div class="sideways"><div style="{size}"></div>'
        f'<script type="application/json" class="figure">{_as_json(chart)}</script></div>'
        f"<figcaption>{escape(chart.caption)}</figcaption></figure>"
    )


def _as_json(chart: Chart) -> str:
    """Return a figure as JSON that cannot end the script it stands in."""
    figure: dict[str, Any] = json.loads(chart.figure.to_json())
    figure["layout"].pop("template", None)
    text = json.dumps(figure, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
