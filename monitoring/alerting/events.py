"""What happened, as a CloudEvent: the one form in which events are kept until each receiver has taken them."""

from __future__ import annotations

from datetime import UTC, datetime

OPENED, CLOSED = "estafet.drift.opened", "estafet.drift.closed"
RETRAIN_REQUESTED, RETRAIN_WAITING = "estafet.retrain.requested", "estafet.retrain.waiting"
RETRAIN_ENDED = "estafet.retrain.ended"
Event = dict[str, object]


def cloud_event(kind: str, event_id: str, model: str, data: dict[str, object], at_s: float) -> Event:
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


def in_words(event: Event, limit: int = 5) -> str:
    """Return in one line what an event says: which columns, how far, and why."""
    data = event["data"]
    findings = [
        f"{printable(found['column'])}: {printable(found['check'])} {found['effect']:.2f}"
        for found in data.get("findings", [])[:limit]
    ]
    more = len(data.get("findings", [])) - len(findings)
    told = "; ".join(findings) + (f" and {more} more" if more > 0 else "")
    return told or printable(data.get("why", ""), 500)


def printable(value: object, longest: int = 80) -> str:
    """Return a name from the data as text that any receiver can show: one line, no control characters, not too long."""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(value))
    return text if len(text) <= longest else text[: longest - 1] + "…"
