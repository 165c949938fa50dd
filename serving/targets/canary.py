"""What a release and the servers of a folder tell each other while a new version answers a share of the requests.

<model>/.release/canary.json          the release: which versions, and which share
<model>/.release/canary/<server>.json each server: how both versions did, since it has read the file above
"""

from __future__ import annotations

import secrets
import shutil
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from estafet.files import read_json, write_json

MARKER_FILE = "canary.json"
REPORTS_FOLDER = "canary"
BOUNDS_S = tuple(1e-5 * 1.1**index for index in range(180))
"""Upper ends of the buckets in which latencies are counted: 10 µs to 4 minutes, each a tenth above the last."""


class Marker(BaseModel):
    """What the servers are to do.

    Attributes:
        id: Tells this canary from earlier ones.
        stable: The version that answers most requests.
        canary: The version that answers the share.
        share: The share, above 0 and below 1.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    stable: int
    canary: int
    share: float = Field(gt=0, lt=1)


class Counts(BaseModel):
    """How one version did.

    Attributes:
        num_requests: Requests that it was given and that were not given up by the client.
        num_errors: Those of them that ended in an error.
        latencies: How many of the others took how long, by bucket of `BOUNDS_S`; the last is beyond all bounds.
    """

    num_requests: int = 0
    num_errors: int = 0
    latencies: list[int] = Field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))

    def add(self, latency_s: float | None) -> None:
        """Count a request that took this long, or one that failed (None)."""
        self.num_requests += 1
        if latency_s is None:
            self.num_errors += 1
        else:
            self.latencies[bisect_left(BOUNDS_S, latency_s)] += 1

    @property
    def error_rate(self) -> float:
        """Share of the requests that failed; 0 without any."""
        return self.num_errors / self.num_requests if self.num_requests else 0.0

    @property
    def median_s(self) -> float | None:
        """Seconds within which half of the requests were answered, to a tenth; None without any."""
        total, below = sum(self.latencies), 0
        for bound_s, count in zip((*BOUNDS_S, BOUNDS_S[-1]), self.latencies, strict=True):
            below += count
            if total and 2 * below >= total:
                return bound_s
        return None


class Report(BaseModel):
    """What one server says.

    Attributes:
        id: The marker's.
        is_ready: Whether both versions answer.
        problem: Why the new version does not load; empty otherwise.
        stable: How the served version did.
        canary: How the new one did.
    """

    id: str
    is_ready: bool = False
    problem: str = ""
    stable: Counts = Counts()
    canary: Counts = Counts()


def new_marker(*, stable: int, canary: int, share: float) -> Marker:
    """Return a canary that is told from all others."""
    return Marker(id=secrets.token_hex(8), stable=stable, canary=canary, share=share)


def begin(folder: Path, *, stable: int, canary: int, share: float) -> Marker:
    """Tell the servers of a model's release folder to give a share of the requests to a version that will appear."""
    end(folder)
    marker = new_marker(stable=stable, canary=canary, share=share)
    (folder / REPORTS_FOLDER).mkdir()
    write_json(folder / MARKER_FILE, marker.model_dump())
    return marker


def end(folder: Path) -> None:
    """Tell the servers that the newest version answers all requests."""
    (folder / MARKER_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder / REPORTS_FOLDER, ignore_errors=True)


def read_marker(folder: Path) -> Marker | None:
    """Return what the servers are to do, or None where there is nothing, or nothing that can be understood."""
    try:
        return Marker.model_validate(read_json(folder / MARKER_FILE))
    except (OSError, ValueError):
        return None


def write_report(folder: Path, server: str, report: Report) -> None:
    """Say how the versions did.

    Raises:
        OSError: The folder cannot be written.
    """
    if not (folder / REPORTS_FOLDER).is_dir():
        return  # the canary has just ended, and nobody would remove the folder
    write_json(folder / REPORTS_FOLDER / f"{server}.json", report.model_dump())


def read_reports(folder: Path, marker: Marker) -> list[Report]:
    """Return what all servers say of a canary; one that is just being replaced is read at the next look."""
    reports = []
    for path in sorted((folder / REPORTS_FOLDER).glob("*.json")):
        try:
            report = Report.model_validate(read_json(path))
        except (OSError, ValueError):
            continue
        if report.id == marker.id:
            reports.append(report)
    return reports


def total(counts: Iterable[Counts]) -> Counts:
    """Add counts up."""
    added = Counts()
    for each in counts:
        added.num_requests += each.num_requests
        added.num_errors += each.num_errors
        added.latencies = [a + b for a, b in zip(added.latencies, each.latencies, strict=True)]
    return added
