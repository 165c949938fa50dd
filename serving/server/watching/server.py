"""Gauges of the server as a whole: its versions, its request log, and the process."""

from __future__ import annotations

import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.server.engine.batching.scheduler import num_waiting
from serving.server.status import StatusError
from serving.server.watching.metrics import REGISTRY, Gauge

if TYPE_CHECKING:
    from serving.request_log import RequestLog


def watch(models: Any, request_log: RequestLog | None) -> None:
    """Show the versions of `models` by state, what became of logged rows, and the process's memory and threads."""
    REGISTRY.add(Gauge("estafet_model_versions", lambda: _versions(models), "model_name", "state"))
    REGISTRY.add(Gauge("estafet_ready", lambda: {(): float(models.ready)}))
    REGISTRY.add(Gauge("estafet_queued_batches", lambda: {(): num_waiting()}))
    REGISTRY.add(Gauge("estafet_threads", lambda: {(): threading.active_count()}))
    REGISTRY.add(Gauge("estafet_resident_bytes", _resident_bytes))
    if request_log is not None:
        REGISTRY.add(Gauge("estafet_request_log_rows", lambda: _rows(request_log), "what"))


def _versions(models: Any) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {}
    for name in models.names():
        try:
            versions = models.status(name)
        except StatusError:
            continue
        for version in versions:
            cell = (name, version.state.name)
            found[cell] = found.get(cell, 0) + 1
    return found


def _rows(request_log: RequestLog) -> dict[tuple[str, ...], float]:
    return {(what,): count for what, count in asdict(request_log.counts).items()}


def _resident_bytes() -> dict[tuple[str, ...], float]:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return {}
    return {(): pages * 4096}
