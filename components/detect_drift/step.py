"""Compares the served requests with the training data, raises the alert, and decides whether to retrain."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from estafet.runfile.steps import DriftSettings
from estafet.telemetry import Progress, silent
from estafet.tracking import NullTracker, Tracker
from monitoring.alerting import outbox
from monitoring.alerting.receivers import targets_of
from monitoring.detection.window import Comparison, judge
from monitoring.detection.windows import Window, window_to_judge
from monitoring.incidents import brakes, policy
from monitoring.incidents.policy import Telling
from monitoring.incidents.state import Incident, JudgedWindow, MonitorState
from monitoring.incidents.verdict import Verdict, status_of
from monitoring.pages import evidently_page, page
from monitoring.retraining import labelled, labels
from monitoring.served import ServedVersion, served_version

Settings = DriftSettings


def detect_drift(
    settings: DriftSettings,
    models_dir: str | Path,
    requests_dir: str | Path,
    state_dir: str | Path,
    report_folder: str | Path,
    *,
    webhook: str | None = None,
    progress: Progress = silent,
    tracker: Tracker | None = None,
    now: datetime | None = None,
) -> Verdict:
    """Judge the requests that no earlier check has judged.

    Args:
        settings: The `monitor` section with the model's name and task; `labels` is an absolute path.
        models_dir: Folder with one sub-folder for each served model.
        requests_dir: The request log.
        state_dir: Folder in which earlier windows, incidents and retrainings are remembered.
        report_folder: Where `verdict.json`, `report.html` and, on drift, `evidently.html` go.
        webhook: URL that is told of alerts.
        progress: Is told what is being done.
        tracker: Where effects and the report are recorded.
        now: The time of the check, with a zone; the present where it is not given.

    Raises:
        DataError: Nothing is served, no request was ever logged, or the reference is missing.
        ServiceUnavailable: Another check is under way.
    """
    now = now or datetime.now(UTC)
    Path(report_folder).mkdir(parents=True, exist_ok=True)
    served = served_version(models_dir, settings.name)
    state = MonitorState(state_dir)
    targets, now_s = targets_of(settings.alerts, webhook, os.environ), now.timestamp()
    telling = Telling(tuple(target.key for target in targets), str(Path(report_folder, page.REPORT_FILE).resolve()))
    policy.close_superseded(state, served.model, served.version, telling, now_s=now_s)

    progress("reading the request log")
    after_us = state.last_judged_us(served.model, served.version)
    window = window_to_judge(requests_dir, served, after_us=after_us, window_hours=settings.window.hours, now=now)
    comparison, opened = None, False
    if window.num_rows >= settings.window.min_rows:
        progress(f"comparing {window.num_rows:,} requests with the reference")
        comparison = judge(served.reference(), window, served, settings, _known_labels(settings))
        judged = _judgement(served, window, comparison, after_us)
        opened = policy.record(state, judged, settings, telling, now_s=now_s).opened
    incident = state.open_incident(served.model)
    withheld = _withheld(state, settings, requests_dir, incident, now, telling)
    if withheld is None:
        policy.request_retraining(state, served.model, incident, telling, asks=False, now_s=now_s)
    elif incident is not None:
        policy.note_withheld(state, served.model, incident, withheld, now_s=now_s)
    delivery = outbox.deliver(state, targets, now_s)

    verdict = _verdict(served, window, comparison, incident, withheld)
    verdict = replace(verdict, alert=opened, num_undelivered=delivery.num_waiting)
    verdict.save(report_folder)
    drawn = _draw_evidently(report_folder, comparison, settings.detect.report_rows, progress)
    page.write(report_folder, verdict, comparison, drawn, delivery.problem)
    _track(tracker or NullTracker(), verdict, comparison, report_folder)
    return verdict


def summary(verdict: Verdict) -> str:
    """Return the verdict in a few words."""
    if verdict.status == "insufficient":
        told = f"{verdict.num_rows:,} new requests, too few to judge"
    elif verdict.status == "ok":
        told = f"no drift in {verdict.num_rows:,} requests"
    else:
        kind = "drift" if verdict.status == "drift" else "broken requests"
        told = f"{kind} in {verdict.num_rows:,} requests ({policy.in_words(verdict.findings, limit=1)})"
    consequence = " · alert" if verdict.alert else ""
    waiting = f" · {verdict.num_undelivered} alerts wait for the webhook" if verdict.num_undelivered else ""
    damaged = f" · {len(verdict.damaged)} damaged files of the log left out" if verdict.damaged else ""
    return told + consequence + (" · retrain" if verdict.retrain else "") + waiting + damaged


def _judgement(served: ServedVersion, window: Window, comparison: Comparison, after_us: int | None) -> policy.Judgement:
    status = status_of(comparison.findings)
    judged = JudgedWindow(window.first_us, window.last_us, window.num_rows, status, comparison.max_effect)
    return policy.Judgement(served.model, served.version, judged, comparison.findings, after_us)


def _verdict(
    served: ServedVersion,
    window: Window,
    comparison: Comparison | None,
    incident: Incident | None,
    withheld: str | None,
) -> Verdict:
    return Verdict(
        model=served.model,
        version=served.version,
        status="insufficient" if comparison is None else status_of(comparison.findings),
        num_rows=window.num_rows,
        window=window.span(),
        damaged=window.damaged,
        num_checks=0 if comparison is None else len(comparison.checks),
        findings=() if comparison is None else tuple(comparison.findings),
        incident=None if incident is None else incident.id,
        retrain=withheld is None,
        why=incident.why if withheld is None else withheld,
    )


def _withheld(
    state: MonitorState,
    settings: DriftSettings,
    requests_dir: str | Path,
    incident: Incident | None,
    now: datetime,
    telling: Telling,
) -> str | None:
    """Return why no retraining is asked for, or None where one is."""
    if incident is None:
        return "no incident is open"
    if not incident.wants_retraining:
        return "the newest judged window shows nothing that should be learned"
    earlier = state.retrainings(settings.name)
    num_fresh = None
    if settings.policy.retrain != "off" and settings.labels and Path(settings.labels).exists():
        num_fresh = _num_fresh_labels(settings, requests_dir, state)
    return brakes.withheld(settings, settings.task, num_fresh, earlier, now.timestamp()) or _unapproved(
        state, settings, incident, now.timestamp(), telling
    )


def _unapproved(
    state: MonitorState, settings: DriftSettings, incident: Incident, now_s: float, telling: Telling
) -> str | None:
    """Return what a person still has to decide, or has decided against; None where nothing is left to ask."""
    if settings.policy.retrain != "approve":
        return None
    decision = state.decision(incident.id)
    if decision is None:
        policy.request_retraining(state, settings.name, incident, telling, asks=True, now_s=now_s)
        return f"it waits for `estafet retrain approve RUN.yaml {incident.id}`"
    return None if decision[0] == "approved" else f"{decision[1]} has rejected the retraining"


def _known_labels(settings: DriftSettings) -> dict[str, str]:
    return labels.read_labels(settings.labels) if settings.labels and Path(settings.labels).exists() else {}


def _num_fresh_labels(settings: DriftSettings, requests_dir: str | Path, state: MonitorState) -> int:
    known = labels.read_labels(settings.labels)
    logged = labels.labelled_ids(requests_dir, settings.name, known)
    learned = labelled.pairs_in(state.learned_folder(settings.name))
    return len({(request, known[request]) for request in logged} - learned)


def _draw_evidently(folder: str | Path, comparison: Comparison | None, max_rows: int, progress: Progress) -> str:
    """Return the page's file name, or why there is none; it costs seconds, so it is drawn where there is drift."""
    if comparison is None or not comparison.findings:
        return "nothing was found, and the page is drawn only for a window with findings"
    progress("drawing Evidently's page")
    path = Path(folder) / page.EVIDENTLY_FILE
    problem = evidently_page.draw(path, comparison.reference, comparison.requests, max_rows)
    return problem or page.EVIDENTLY_FILE


def _track(tracker: Tracker, verdict: Verdict, comparison: Comparison | None, folder: str | Path) -> None:
    metrics = {"num_requests": float(verdict.num_rows), "num_findings": float(len(verdict.findings))}
    if comparison is not None:
        drifted = {finding.column for finding in verdict.findings}
        metrics["share_drifted"] = len(drifted) / max(1, len(comparison.baselines))
        for check in comparison.checks:
            metrics[f"effect/{_metric_name(check.column)}/{check.check}"] = check.effect
    tracker.log_metrics(metrics)
    tracker.log_tags(
        {
            "estafet.drift.status": verdict.status,
            "estafet.drift.version": str(verdict.version),
            "estafet.drift.retrain": str(verdict.retrain).lower(),
            "estafet.drift.why": verdict.why,
        }
    )
    tracker.log_file(folder, "drift")


def _metric_name(column: str) -> str:
    """MLflow takes letters, digits and a few signs in a metric's name."""
    return re.sub(r"[^\w\-. /]", "_", column, flags=re.ASCII)[:150]
