"""Who is told of events, and in which form each of them wants to hear it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from estafet.errors import ConfigError, ServiceUnavailable
from estafet.runfile.monitor import Receiver
from monitoring.alerting import signature
from monitoring.alerting.events import CLOSED, OPENED, Event, in_words, printable
from monitoring.alerting.posting import post

NOTIFY = "notify.webhook"
SLACK_CHARS = 2900
ALERT_NAME = "EstafetModelDrift"


@dataclass(frozen=True)
class Target:
    """A receiver with everything that is needed to reach it.

    Attributes:
        key: What it is called in the monitor's state; it holds no secret.
        to: A kind of receiver.
        url: Where it listens; empty for a file.
        secret: For `webhook`.
        path: For `file`.
    """

    key: str
    to: str
    url: str = ""
    secret: str = ""
    path: str = ""

    def send(self, event: Event, now_s: float) -> None:
        """Tell it of an event; what a kind of receiver does not want to hear is taken as told.

        Raises:
            ServiceUnavailable: It did not take the event.
        """
        _SEND[self.to](self, event, now_s)


def targets_of(receivers: Sequence[Receiver], webhook: str | None, environment: Mapping[str, str]) -> list[Target]:
    """Return all who are told.

    Args:
        receivers: `monitor.alerts`.
        webhook: `notify.webhook`, which takes CloudEvents.
        environment: Environment variables, for addresses and secrets.

    Raises:
        ConfigError: A variable that a receiver names is not set.
    """
    found = [Target(NOTIFY, "cloudevents", url=webhook)] if webhook else []
    for receiver in receivers:
        url = receiver.url or (_variable(environment, receiver.url_env, receiver.to) if receiver.url_env else "")
        secret = _variable(environment, receiver.secret_env, receiver.to) if receiver.secret_env else ""
        where = receiver.url_env or receiver.path or receiver.url
        found.append(Target(f"{receiver.to} {where}", receiver.to, url=url, secret=secret, path=receiver.path or ""))
    return found


def slack_message(event: Event) -> dict[str, str]:
    """Return an event as the message of an incoming webhook; names from the data cannot call a channel."""
    data = event["data"]
    title = f"{event['type']}: {event['subject']} v{data.get('version', '?')}"
    lines = [title, in_words(event), *(f"{key}: {data[key]}" for key in ("since", "report") if data.get(key))]
    text = "\n".join(printable(line, 900) for line in lines if line)
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, escaped)
    return {"text": text[:SLACK_CHARS]}


def alertmanager_alert(event: Event) -> dict[str, object] | None:
    """Return an event as an alert of Alertmanager's API, or None for one that neither opens nor closes an incident.

    Opening and closing have the same labels, by which Alertmanager knows that they belong together.
    """
    if event["type"] not in (OPENED, CLOSED):
        return None
    data, model = event["data"], str(event["subject"])
    labels = {"alertname": ALERT_NAME, "model": model, "version": str(data["version"]), "severity": "warning"}
    about = {"summary": in_words(event), "incident": str(data["incident"]), "report": str(data.get("report", ""))}
    alert = {"labels": labels, "annotations": {key: value for key, value in about.items() if value}}
    if event["type"] == CLOSED:
        return {**alert, "endsAt": event["time"]}
    far_away = datetime.fromisoformat(str(event["time"])).replace(tzinfo=UTC).timestamp() + 30 * 24 * 3600
    return {**alert, "startsAt": event["time"], "endsAt": datetime.fromtimestamp(far_away, UTC).isoformat()}


def _send_cloud_event(target: Target, event: Event, now_s: float) -> None:
    post(target.url, _json(event), {"Content-Type": "application/cloudevents+json; charset=utf-8"})


def _send_webhook(target: Target, event: Event, now_s: float) -> None:
    body = _json(event)
    signed = signature.headers(target.secret, str(event["id"]), now_s, body)
    post(target.url, body, {"Content-Type": "application/json", **signed})


def _send_slack(target: Target, event: Event, now_s: float) -> None:
    post(target.url, _json(slack_message(event)), {"Content-Type": "application/json"})


def _send_alertmanager(target: Target, event: Event, now_s: float) -> None:
    alert = alertmanager_alert(event)
    if alert is not None:
        post(f"{target.url.rstrip('/')}/api/v2/alerts", _json([alert]), {"Content-Type": "application/json"})


def _append(target: Target, event: Event, now_s: float) -> None:
    path = Path(target.path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(_json(event) + b"\n")
    except OSError as error:
        raise ServiceUnavailable(
            f"the file of alerts {path} cannot be written: {error}.",
            hint="correct its path in monitor.alerts; what was not written waits, and is written at the next check.",
        ) from error


_SEND: dict[str, Callable[[Target, Event, float], None]] = {
    "cloudevents": _send_cloud_event,
    "webhook": _send_webhook,
    "slack": _send_slack,
    "alertmanager": _send_alertmanager,
    "file": _append,
}


def _json(value: object) -> bytes:
    return json.dumps(value, allow_nan=False).encode()


def _variable(environment: Mapping[str, str], name: str, to: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise ConfigError(
            f"monitor.alerts tells {to} by the environment variable {name}, which is not set.",
            hint=f"set it (export {name}=…), or leave this receiver out.",
        )
    return value
