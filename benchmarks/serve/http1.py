"""One client over HTTP/1.1: a connection that stays open and sends a few requests again and again."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from typing import Any

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"
GOOD = b"HTTP/1.1 200"


class Http1Client(asyncio.Protocol):
    """Sends a request as soon as the one before was answered."""

    def __init__(self, path: str, bodies: Sequence[bytes], tally: Any):
        """Prepare the requests; `tally.add` gets what became of each."""
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
        self._requests = itertools.cycle([f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies])
        self._tally = tally
        self._arrived, self._sent = b"", 0.0
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Keep the connection."""
        self.transport = transport

    def begin(self) -> None:
        """Send the first request."""
        self._sent = time.perf_counter()
        self.transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        """Take an answer, or a part of one, and send the next request."""
        arrived = self._arrived = self._arrived + data if self._arrived else data
        end = arrived.find(END_OF_HEAD)
        if end < 0:
            return
        head = arrived[: end + 2].lower()
        start = head.find(LENGTH) + len(LENGTH)
        length = int(head[start : head.find(b"\r", start)])
        if len(arrived) < end + 4 + length:
            return
        self._arrived = b""
        self._tally.add(time.perf_counter() - self._sent, arrived.startswith(GOOD), arrived[end + 4 :])
        if not self._tally.is_over:
            self.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a connection that the server ends as a failure."""
        if not self._tally.is_over:
            self._tally.add(0.0, False, b"the server closed the connection")
