"""Tells a webhook what happened, as CloudEvents; an event that it does not take is kept and sent again."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from estafet.errors import ServiceUnavailable

if TYPE_CHECKING:
    from monitoring.incidents.state import MonitorState

TIMEOUT_S = 5
NUM_TRIES = 3
PAUSE_S = 0.3
NUM_SENT_AT_ONCE = 100


def cloud_event(kind: str, event_id: str, model: str, data: dict[str, object], at_s: float) -> dict[str, object]:
    """Return an event in the structured JSON form.

    Args:
        kind: What happened, such as `estafet.drift.opened`.
        event_id: The same for the same event, so that a receiver can drop what it was sent twice.
        model: The model's name.
        data: The event's own values, as JSON.
        at_s: When it happened, in seconds since 1970.

    Source:
        CloudEvents 1.0.2, JSON event format.
    """
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/estafet/{model}",
        "type": kind,
        "subject": model,
        "time": datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": data,
    }


def post(webhook: str, event: dict[str, object], *, timeout_s: float = TIMEOUT_S, num_tries: int = NUM_TRIES) -> None:
    """Send one event by POST, and again where the receiver does not answer or is in trouble.

    Raises:
        ServiceUnavailable: The receiver did not take the event.
    """
    body = json.dumps(event, allow_nan=False).encode()
    reason = ""
    for attempt in range(num_tries):
        if attempt:
            time.sleep(PAUSE_S * 2 ** (attempt - 1))
        try:
            headers = {"Content-Type": "application/cloudevents+json; charset=utf-8", "User-Agent": "estafet"}
            request = urllib.request.Request(webhook, data=body, headers=headers, method="POST")
            with _opener().open(request, timeout=timeout_s):
                return
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"HTTP {error.code}"
            if error.code < 500 and error.code not in (408, 429):
                break
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", error))
    raise ServiceUnavailable(
        f"the webhook at {place(webhook)} did not take the event: {reason}.",
        hint="check notify.webhook; alerts wait in the monitor's state and are sent again at the next check.",
    )


def deliver(state: MonitorState, webhook: str | None) -> tuple[int, str | None]:
    """Send what waits in the outbox, oldest first, and stop at the first failure.

    Returns:
        How many events still wait, and why the webhook did not take the first of them, if it did not.
    """
    waiting = state.undelivered()
    if webhook is None:
        return len(waiting), None
    for index, (event_id, event) in enumerate(waiting[:NUM_SENT_AT_ONCE]):
        try:
            post(webhook, event)
        except ServiceUnavailable as error:
            state.note_delivery(event_id, error=error.message, now_s=time.time())
            return len(waiting) - index, error.message
        state.note_delivery(event_id, error=None, now_s=time.time())
    return max(0, len(waiting) - NUM_SENT_AT_ONCE), None


def place(webhook: str) -> str:
    """Return where a webhook is, without its path, which is often a secret."""
    try:
        parts = urlsplit(webhook)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
    except ValueError:  # a port that is no number
        return webhook.partition("://")[0] + "://…"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET without the event, so it counts as refused."""

    def redirect_request(self, *_args: object) -> None:
        """Follow no redirect."""


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirect)
