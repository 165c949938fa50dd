"""Takes a request's body in: within its limits, inflated where it is gzipped, and no longer than a client is there."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from serving.server.rest.answers import Answer, error
from serving.server.watching.calls import REFUSED

MAX_INFLATED_BYTES = 100 * 2**20
MOST_DRAINED_BYTES = 512 * 2**20
Receive = Callable[[], Awaitable[dict[str, Any]]]


class Gone(Exception):
    """The client went away before its request was whole."""


class Refused(Exception):
    """The body is refused.

    Attributes:
        answer: What the client is told.
    """

    def __init__(self, answer: Answer):
        super().__init__(answer.status)
        self.answer = answer


class Headers:
    """The few headers that matter.

    Attributes:
        encoding: Content-Encoding, lower case.
        length: Content-Length, or 0.
        request_id: The client's own id of the request.
        authorization: Authorization.
        origin: Origin.
    """

    __slots__ = ("authorization", "encoding", "length", "origin", "request_id")

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]):
        """Read them from ASGI's list."""
        self.encoding = self.authorization = self.origin = b""
        self.request_id, self.length = "", 0
        for name, value in raw:
            if name == b"content-encoding":
                self.encoding = value.lower()
            elif name == b"content-length":
                self.length = int(value) if value.isdigit() and len(value) < 19 else 0
            elif name == b"x-request-id":
                self.request_id = value.decode("latin-1")
            elif name == b"authorization":
                self.authorization = value
            elif name == b"origin":
                self.origin = value


async def body_of(receive: Receive, headers: Headers, max_bytes: int) -> bytes:
    """Return a request's whole body, not inflated yet.

    Raises:
        Gone: The client is no longer there.
        Refused: The body is larger than `max_bytes`; what is left of it was read, so that the client sees the answer.
    """
    message = await receive()
    if message["type"] != "http.request":
        raise Gone
    body, more = message["body"], message["more_body"]
    if not more and len(body) <= max_bytes:
        return body
    parts, size = [body], len(body)
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        size, more = size + len(message["body"]), message["more_body"]
        if max(size, headers.length) <= max_bytes:
            parts.append(message["body"])
        else:
            parts.clear()
        if size > max_bytes + MOST_DRAINED_BYTES:
            break
    if max(size, headers.length) > max_bytes:
        REFUSED.add("body_too_large")
        given = max(size, headers.length)
        raise Refused(error(413, f"The body of {given} bytes is larger than this server takes: {max_bytes}").closing())
    return b"".join(parts)


def inflated(body: bytes) -> bytes:
    """Return a gzipped body's content; one that cannot be inflated counts as empty, as in TensorFlow Serving."""
    inflate = zlib.decompressobj(wbits=31)
    try:
        content = inflate.decompress(body, MAX_INFLATED_BYTES)
    except zlib.error:
        return b""
    return content if inflate.eof else b""
