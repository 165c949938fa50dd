"""uvicorn's HTTP protocol with an end for clients that never finish a request, or never read an answer."""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ARRIVAL_S = 30.0
"""Seconds that a request may take to arrive, and as many more as its bytes take at the slowest rate."""
SLOWEST_BYTES_PER_S = 10_000
LOOK_S = 5.0
_TIMEOUT = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: 58\r\nconnection: close\r\n\r\n"
    b'{\n    "error": "The request did not arrive in due time."\n}'
)


class PatientProtocol(HttpToolsProtocol):
    """Looks every few seconds whether the connection still moves."""

    _arriving_since: float | None = None
    _num_bytes = 0
    _unread = 0
    _look_at: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Expect a first request."""
        super().connection_made(transport)
        self._arriving_since = self.loop.time()
        self._look_at = self.loop.call_later(LOOK_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._look_at is not None:
            self._look_at.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Start the clock."""
        self._arriving_since, self._num_bytes = self.loop.time(), 0
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Count what came."""
        self._num_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the clock."""
        self._arriving_since = None
        super().on_message_complete()

    def _look(self) -> None:
        transport: Any = self.transport
        if transport.is_closing():
            if transport.get_write_buffer_size():
                transport.abort()
            return
        unread = transport.get_write_buffer_size()
        if unread and unread == self._unread:
            transport.abort()
            return
        self._unread = unread
        since = None if self.pipeline else self._arriving_since
        if since is not None and self.loop.time() - since > ARRIVAL_S + self._num_bytes / SLOWEST_BYTES_PER_S:
            if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
                transport.write(_TIMEOUT)
            transport.close()
            return
        self._look_at = self.loop.call_later(LOOK_S, self._look)
