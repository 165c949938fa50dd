"""What the server answers beside TensorFlow Serving's interface: whether it lives, what it serves, its metrics."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from serving.server.rest.answers import TEXT, Answer, error, text
from serving.server.status import StatusError
from serving.server.watching.metrics import REGISTRY

if TYPE_CHECKING:
    from serving.request_log import RequestLog

AVAILABLE = "AVAILABLE"


def alive() -> Answer:
    """Say that the process answers."""
    return Answer(200, b"ok\n", TEXT)


def ready(models: Any) -> Answer:
    """Say whether every model can be asked; a load balancer reads the status alone."""
    return Answer(200, b"ready\n", TEXT) if models.ready else Answer(503, b"not ready\n", TEXT)


def listing(models: Any, request_log: RequestLog | None) -> Answer:
    """List the models with their available versions, newest first, and what became of logged rows."""
    answer: dict[str, object] = {"models": {name: _available(models, name) for name in models.names()}}
    if request_log is not None:
        answer["request_log"] = asdict(request_log.counts)
    return text(json.dumps(answer, indent=1))


def metrics(path: str, query: str) -> Answer:
    """Show the metrics, as TensorFlow Serving does: under the exact path, by any method."""
    if query:
        return error(400, f"Unexpected path: {path}?{query}. Should be {path}")
    return Answer(200, REGISTRY.text().encode(), TEXT)


def _available(models: Any, name: str) -> list[int]:
    try:
        return [version.number for version in models.status(name) if version.state.name == AVAILABLE]
    except StatusError:
        return []
