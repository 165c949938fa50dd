"""The page about a window: the verdict, what to do about it, the findings with histograms, and all checks."""

from __future__ import annotations

from pathlib import Path

from estafet.reports import Page, Tone
from monitoring.detection.drift import CHECK_WORDS, Check
from monitoring.detection.window import Comparison
from monitoring.incidents.verdict import Verdict
from monitoring.pages import histogram

REPORT_FILE, EVIDENTLY_FILE = "report.html", "evidently.html"
NUM_HISTOGRAMS, NUM_CHECKS = 8, 200
WORDS: dict[str, tuple[str, Tone]] = {
    "ok": ("No drift", "good"),
    "drift": ("Drift", "bad"),
    "data_quality": ("Broken requests: a person has to look", "bad"),
    "insufficient": ("Too few requests to judge", "neutral"),
}
TESTS = {"ks": " (Kolmogorov-Smirnov)", "chi2": " (chi-squared)"}


def write(
    folder: str | Path, verdict: Verdict, comparison: Comparison | None, evidently: str, undelivered: str | None
) -> Path:
    """Write the page.

    Args:
        folder: The report's folder.
        verdict: What the check came to.
        comparison: The window beside the reference, where it was judged.
        evidently: What became of Evidently's page: its file's name, or why there is none.
        undelivered: Why the webhook did not take an alert, if it did not.
    """
    title, tone = WORDS[verdict.status]
    page = Page(f"{verdict.model}: requests to version {verdict.version}", _span(verdict)).verdict(title, tone)
    page.facts(
        {
            "requests": verdict.num_rows,
            "checks": verdict.num_checks,
            "findings": len(verdict.findings),
            "largest effect": max((finding.effect for finding in verdict.findings), default=0.0),
        }
    )
    _add_consequences(page, verdict, undelivered)
    for path in verdict.damaged:
        page.text(
            f"Left out, because it cannot be read: {path}. Move it away; the other files do not depend on it.", "warn"
        )
    if comparison is not None:
        _add_findings(page, verdict, comparison)
        _add_checks(page, comparison.checks)
    page.heading("Evidently's page")
    if evidently == EVIDENTLY_FILE:
        page.link("Open Evidently's page about the same rows (it draws; the verdict above decides)", evidently)
    else:
        page.text(f"Not drawn: {evidently}.")
    return page.save(Path(folder) / REPORT_FILE)


def _add_consequences(page: Page, verdict: Verdict, undelivered: str | None) -> None:
    page.heading("What follows")
    if verdict.incident:
        since = "opened now" if verdict.alert else "open since an earlier window"
        page.text(f"Incident {verdict.incident}: {since}.", "warn")
    page.text(f"Retraining: {'yes' if verdict.retrain else 'no'} ({verdict.why}).")
    if verdict.num_undelivered:
        page.text(
            f"{verdict.num_undelivered} alerts wait for the webhook and are sent again at the next check"
            f"{f': {undelivered}' if undelivered else ''}",
            "bad",
        )


def _add_findings(page: Page, verdict: Verdict, comparison: Comparison) -> None:
    page.heading("Findings")
    if not verdict.findings:
        page.text("No check found a difference that is both improbable and large enough to count.")
        return
    page.table([_row(finding) for finding in verdict.findings])
    drawn = list(dict.fromkeys(f.column for f in verdict.findings if f.column in comparison.profiles))
    for column in drawn[:NUM_HISTOGRAMS]:
        baseline, profile = comparison.baselines[column], comparison.profiles[column]
        where = "in each category" if baseline.kind == "categorical" else "between the reference's quantiles"
        page.figure(histogram.draw(baseline, profile), f"{column}: share of the rows {where}")


def _add_checks(page: Page, checks: list[Check]) -> None:
    page.heading("All checks")
    largest = sorted(checks, key=lambda check: -check.effect)[:NUM_CHECKS]
    more = f"the {NUM_CHECKS} largest of {len(checks):,} checks; " if len(checks) > NUM_CHECKS else ""
    page.table([_row(check) for check in largest], caption=f"{more}a finding needs p × {len(checks):,} below alpha")


def _row(check: Check) -> dict[str, object]:
    return {
        "column": check.column,
        "check": CHECK_WORDS[check.check] + TESTS.get(check.check, ""),
        "effect": check.effect,
        "smallest that counts": check.floor,
        "p": check.p,
        "values": check.detail,
    }


def _span(verdict: Verdict) -> str:
    if not verdict.window:
        return "no requests since the last check"
    first, last = (time.removesuffix("+00:00").replace("T", " ") for time in verdict.window)
    return f"{first} to {last} UTC" if first != last else f"{first} UTC"
