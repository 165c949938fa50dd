"""How a model stands, as metrics in Prometheus' text format."""

from __future__ import annotations

import json
from collections.abc import Iterable

from monitoring.alerting.events import printable
from monitoring.incidents.state import MonitorState

HELP = {
    "estafet_drift_effect": ("gauge", "Largest effect of each column with a finding in the newest judged window."),
    "estafet_drift_window_requests": ("gauge", "Requests in the newest judged window."),
    "estafet_drift_windows_total": ("counter", "Judged windows, by verdict."),
    "estafet_drift_last_window_timestamp_seconds": ("gauge", "When the newest window was judged."),
    "estafet_drift_incident_open": ("gauge", "1 while an incident is open."),
    "estafet_drift_alerts_waiting": ("gauge", "Alerts that a receiver has not taken yet."),
    "estafet_retrainings_total": ("counter", "Retrainings, by outcome."),
}
"""Type and meaning of each metric."""
Sample = tuple[dict[str, str], float]


def metrics(state: MonitorState, model: str) -> str:
    """Return the metrics of a model.

    Source:
        Prometheus, exposition format 0.0.4.
    """
    samples = _samples(state, model)
    lines = []
    for name, (kind, meaning) in HELP.items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{_labels({'model': model, **labels})} {value!r}" for labels, value in samples[name]]
    return "\n".join(lines) + "\n"


def _samples(state: MonitorState, model: str) -> dict[str, list[Sample]]:
    with state.transaction() as db:
        newest = db.execute(
            "select version, num_rows, findings, judged_s from windows where model = ? "
            "order by judged_s desc, last_us desc",
            (model,),
        ).fetchone()
        verdicts = db.execute(
            "select status, count(*) from windows where model = ? group by status", (model,)
        ).fetchall()
        is_open = db.execute(
            "select count(*) from incidents where model = ? and closed_s is null", (model,)
        ).fetchone()[0]
        waiting = db.execute(
            "select receiver, count(*) from deliveries join outbox on id = event_id where deliveries.sent_s is null "
            "and json_extract(event, '$.subject') = ? group by receiver",
            (model,),
        ).fetchall()
        outcomes = db.execute(
            "select coalesce(outcome, 'running'), count(*) from retrainings where model = ? group by 1", (model,)
        ).fetchall()
    found: dict[str, list[Sample]] = {name: [] for name in HELP}
    if newest is not None:
        version = {"version": str(newest["version"])}
        effects: dict[str, float] = {}
        for finding in json.loads(newest["findings"]):
            effects[finding["column"]] = max(effects.get(finding["column"], 0.0), finding["effect"])
        found["estafet_drift_effect"] = [({**version, "column": name}, effect) for name, effect in effects.items()]
        found["estafet_drift_window_requests"] = [(version, newest["num_rows"])]
        found["estafet_drift_last_window_timestamp_seconds"] = [({}, newest["judged_s"])]
    found["estafet_drift_windows_total"] = [({"verdict": row[0]}, row[1]) for row in verdicts]
    found["estafet_drift_incident_open"] = [({}, is_open)]
    found["estafet_drift_alerts_waiting"] = [({"receiver": row[0]}, row[1]) for row in waiting]
    found["estafet_retrainings_total"] = [({"outcome": row[0]}, row[1]) for row in outcomes]
    return found


def _labels(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in _sorted(labels)) + "}"


def _sorted(labels: dict[str, str]) -> Iterable[tuple[str, str]]:
    return sorted(labels.items())


def _escaped(value: str) -> str:
    return printable(value).replace("\\", "\\\\").replace('"', '\\"')
