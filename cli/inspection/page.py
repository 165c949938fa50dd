"""An inspection as a page: one HTML file with everything inside."""

from __future__ import annotations

from cli.inspection import charts
from cli.inspection.sections import SHOWN_ON_PAGE, Findings, Section
from estafet.reports import Page


def build(findings: Findings) -> Page:
    """Return the page of an inspection."""
    page = Page(findings.title, findings.subtitle, style=charts.STYLE)
    page.verdict(findings.verdict, findings.tone).facts(findings.facts)
    for section in findings.sections:
        _add(page, section)
    return page


def _add(page: Page, section: Section) -> None:
    page.heading(section.title)
    if section.text:
        page.text(section.text, section.tone)
    for chart, caption in section.drawings:
        page.drawing(charts.drawing(chart, caption))
    if section.cards:
        page.drawing(charts.cards(section.cards))
    if section.rows:
        page.table(section.rows[:SHOWN_ON_PAGE], caption=_left_out(len(section.rows)))


def _left_out(num_rows: int) -> str:
    return f"The first {SHOWN_ON_PAGE} of {num_rows:,}." if num_rows > SHOWN_ON_PAGE else ""
