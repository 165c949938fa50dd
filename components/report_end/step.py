"""Tells whoever wants to know that a run has ended, and how. It is part of every run, so it imports little."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass

from estafet.errors import ServiceUnavailable
from monitoring.alerting.events import cloud_event
from monitoring.alerting.posting import place, post

CLOUD_EVENT = {"Content-Type": "application/cloudevents+json; charset=utf-8"}


@dataclass(frozen=True)
class Ended:
    """How a run ended, and whether the webhook knows.

    Attributes:
        state: The pipeline's last state, such as `SUCCEEDED` or `FAILED`.
        told: Where it was told, without the path; None where no webhook is configured.
        problem: Why the webhook did not take it, if it did not.
    """

    state: str
    told: str | None = None
    problem: str | None = None


def report_end(name: str, *, state: str, error: str, webhook: str | None) -> Ended:
    """Tell a webhook how a run ended; that it cannot be told does not change how the run ended.

    Args:
        name: The model's name.
        state: The pipeline's last state.
        error: What went wrong, or nothing.
        webhook: URL that receives a CloudEvent of type `estafet.run.ended`, or None.
    """
    if not webhook:
        return Ended(state)
    data = {"state": state, "error": error or None}
    event = cloud_event("estafet.run.ended", str(uuid.uuid4()), name, data, time.time())
    try:
        post(webhook, json.dumps(event, allow_nan=False).encode(), CLOUD_EVENT)
    except ServiceUnavailable as failure:
        return Ended(state, place(webhook), failure.message)
    return Ended(state, place(webhook))


def summary(ended: Ended) -> str:
    """Return in a few words how the run ended and who was told."""
    if ended.told is None:
        return ended.state.lower()
    return f"{ended.state.lower()} · {ended.problem or f'told {ended.told}'}"
