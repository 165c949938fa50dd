"""What a check of one window came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from estafet.files import read_json, write_json
from monitoring.detection.drift import DATA_QUALITY, Check

VERDICT_FILE = "verdict.json"
Status = Literal["ok", "drift", "data_quality", "insufficient"]
BROKEN = ("missing_or_invalid", "new_category", "column_absent")
"""Findings that make everything else in a window doubtful: what they bring about must not be learned."""


@dataclass(frozen=True)
class Verdict:
    """What a check of one window came to.

    Attributes:
        model: The model's name.
        version: The served version.
        status: `ok`; `drift`; `data_quality` where requests are broken, which calls a person and never retrains;
            `insufficient` where there are too few requests to judge, which are judged with the next ones.
        num_rows: Requests in the window.
        window: Time of the first and the last request, ISO 8601, or None where there is none.
        num_checks: Comparisons that were made.
        findings: Those that count, largest effect first.
        incident: The open incident, if there is one.
        alert: Whether this check opened it.
        retrain: Whether a retraining run is asked for.
        why: Why it is, or is not.
        num_undelivered: Alerts that still wait for the webhook.
        damaged: Files of the request log that cannot be read, and were left out.
    """

    model: str
    version: int
    status: Status
    num_rows: int
    window: tuple[str, str] | None = None
    num_checks: int = 0
    findings: tuple[Check, ...] = ()
    incident: str | None = None
    alert: bool = False
    retrain: bool = False
    why: str = ""
    num_undelivered: int = 0
    damaged: tuple[str, ...] = ()

    def save(self, folder: str | Path) -> None:
        """Write the verdict into a report's folder."""
        values = {**vars(self), "findings": [finding.to_json() for finding in self.findings]}
        write_json(Path(folder) / VERDICT_FILE, values)

    @staticmethod
    def read(folder: str | Path) -> dict[str, object]:
        """Read what `save` wrote, as JSON values."""
        return read_json(Path(folder) / VERDICT_FILE)


def status_of(findings: list[Check]) -> Status:
    """Return what the findings of a judged window say together."""
    if not findings:
        return "ok"
    broken = any(finding.check in BROKEN for finding in findings)
    return DATA_QUALITY if broken or all(finding.kind == DATA_QUALITY for finding in findings) else "drift"
