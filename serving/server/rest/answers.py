"""What goes back to a REST client: a status, a body, and headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from serving.server.rest.json_writing import error_answer
from serving.server.status import StatusError

JSON, HTML, TEXT = b"application/json", b"text/html", b"text/plain"
NOT_FOUND_PAGE = b"<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>\n"
CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"POST, GET"),
    (b"access-control-allow-headers", b"Content-Type"),
)
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Answer:
    """One answer.

    Attributes:
        status: The HTTP status.
        body: The body.
        headers: The headers, but for the length.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, content_type: bytes | None = JSON):
        """Answer with a body of this type."""
        self.status, self.body = status, body
        self.headers: list[tuple[bytes, bytes]] = [] if content_type is None else [(b"content-type", content_type)]

    def closing(self) -> Answer:
        """Let the connection end with this answer."""
        self.headers.append((b"connection", b"close"))
        return self

    async def send(self, send: Send) -> None:
        """Send it."""
        self.headers.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def text(body: str, status: int = 200) -> Answer:
    """Return JSON; what came as bytes that are no UTF-8 goes back as it came."""
    return Answer(status, body.encode("utf-8", "surrogateescape"))


def error(status: int, message: str) -> Answer:
    """Return an error."""
    return Answer(status, error_answer(message).encode("utf-8", "surrogateescape"))


def failure(problem: StatusError) -> Answer:
    """Return a call's failure."""
    return error(problem.code.http, problem.message)
