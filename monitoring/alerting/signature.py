"""Signatures of webhooks: who sent a message, that nobody changed it, and that it is not an old one again.

Source:
    Standard Webhooks 1.0: the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, the last being `v1,`
    and the base64 of HMAC-SHA256 over `id.timestamp.body`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
SECRET_PREFIX = "whsec_"
MAX_AGE_S = 300


def headers(secret: str, message_id: str, now_s: float, body: bytes) -> dict[str, str]:
    """Return the headers of a signed message.

    Args:
        secret: As the receiver has it: any text, or `whsec_` and base64.
        message_id: The same for the same message, however often it is sent.
        now_s: Seconds since 1970.
        body: The message.
    """
    signed = _digest(secret, message_id, str(int(now_s)), body)
    return {ID: message_id, TIMESTAMP: str(int(now_s)), SIGNATURE: f"v1,{signed}"}


def problem_of(secret: str, given: Mapping[str, str], body: bytes, now_s: float, max_age_s: float = MAX_AGE_S) -> str:
    """Say why a message must not be believed; empty where it may.

    Args:
        secret: The secret that is shared with the sender.
        given: The message's headers, their names in small letters.
        body: The message.
        now_s: Seconds since 1970.
        max_age_s: Seconds that the message's time may be away from now, in either direction.
    """
    missing = [name for name in (ID, TIMESTAMP, SIGNATURE) if not given.get(name)]
    if missing:
        return f"it has no header {' and '.join(missing)}"
    try:
        age_s = now_s - int(given[TIMESTAMP])
    except ValueError:
        return f"its {TIMESTAMP} is no number of seconds"
    if abs(age_s) > max_age_s:
        return f"it is {age_s:.0f} seconds old, and {max_age_s:.0f} are allowed"
    expected = _digest(secret, given[ID], given[TIMESTAMP], body)
    for signed in given[SIGNATURE].split():
        version, _, value = signed.partition(",")
        if version == "v1" and hmac.compare_digest(value.encode("utf-8", "surrogatepass"), expected.encode()):
            return ""
    return "its signature is not that of the shared secret"


def _digest(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode("utf-8", "surrogateescape") + body
    return base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode("ascii")


def _key(secret: str) -> bytes:
    if secret.startswith(SECRET_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()
