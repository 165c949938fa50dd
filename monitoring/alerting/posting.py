"""Posts a document to an address, again where the receiver is in trouble, and follows no redirect."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from estafet.errors import ServiceUnavailable

TIMEOUT_S = 5
NUM_TRIES = 3
PAUSE_S = 0.3


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float = TIMEOUT_S, num_tries: int | None = None
) -> None:
    """Send a document by POST, and again where the receiver does not answer or is in trouble.

    Args:
        url: Where it goes. A redirect counts as refused: it would lose the document, or lead to an inner address.
        body: The document.
        headers: Its type, and what else belongs to it.
        timeout_s: Seconds that one attempt may take.
        num_tries: Number of attempts; three where it is not given.

    Raises:
        ServiceUnavailable: The receiver did not take it.
    """
    reason = ""
    for attempt in range(NUM_TRIES if num_tries is None else num_tries):
        if attempt:
            time.sleep(PAUSE_S * 2 ** (attempt - 1))
        try:
            request = urllib.request.Request(
                url, data=body, headers={"User-Agent": "estafet", **headers}, method="POST"
            )
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
        f"the webhook at {place(url)} did not take the event: {reason}.",
        hint="check notify.webhook and monitor.alerts; alerts wait in the monitor's state and are sent again at the "
        "next check.",
    )


def place(url: str) -> str:
    """Return where a webhook is, without its path, which is often a secret."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
    except ValueError:  # a port that is no number
        return url.partition("://")[0] + "://…"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET without the event, so it counts as refused."""

    def redirect_request(self, *_args: object) -> None:
        """Follow no redirect."""


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirect)
