"""One gRPC client: an HTTP/2 connection that makes a few unary calls again and again.

Only what such a client needs of RFC 9113. Its headers are literals that no table holds, so that they never change; the
answer's are not decoded: a call that failed has no message. Windows are opened so wide that they need no care.
"""

from __future__ import annotations

import asyncio
import itertools
import struct
import time
from collections.abc import Sequence
from typing import Any

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GO_AWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
WIDE = 2**31 - 1 - 65535
INITIAL_WINDOW_SIZE, MAX_FRAME_BYTES = 4, 16384
LAST_STREAM = 2**31 - 3


class Http2Client(asyncio.Protocol):
    """Makes a call as soon as the one before was answered."""

    def __init__(self, path: str, bodies: Sequence[bytes], tally: Any):
        """Prepare the calls; `tally.add` gets what became of each."""
        self._headers = _header_block(path)
        self._messages = itertools.cycle([b"\0" + struct.pack(">I", len(body)) + body for body in bodies])
        self._tally = tally
        self._arrived, self._parts = b"", []
        self._stream, self._sent, self._unacknowledged = -1, 0.0, 0
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Open the connection."""
        self.transport = transport
        settings = struct.pack(">HI", INITIAL_WINDOW_SIZE, 2**31 - 1)
        transport.write(PREFACE + frame(SETTINGS, 0, 0, settings) + frame(WINDOW, 0, 0, struct.pack(">I", WIDE)))

    def begin(self) -> None:
        """Make the next call."""
        self._stream += 2
        self._parts, stream, message = [], self._stream, next(self._messages)
        out = [frame(HEADERS, END_HEADERS, stream, self._headers)]
        for start in range(0, len(message), MAX_FRAME_BYTES):
            is_last = start + MAX_FRAME_BYTES >= len(message)
            out.append(frame(DATA, END_STREAM if is_last else 0, stream, message[start : start + MAX_FRAME_BYTES]))
        self._sent = time.perf_counter()
        self.transport.write(b"".join(out))

    def data_received(self, data: bytes) -> None:
        """Take frames."""
        arrived, position = self._arrived + data if self._arrived else data, 0
        while len(arrived) - position >= 9:
            length = int.from_bytes(arrived[position : position + 3], "big")
            if len(arrived) - position < 9 + length:
                break
            kind, flags = arrived[position + 3], arrived[position + 4]
            stream = int.from_bytes(arrived[position + 5 : position + 9], "big")
            self._take(kind, flags, stream, arrived[position + 9 : position + 9 + length])
            position += 9 + length
        self._arrived = arrived[position:]

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a connection that the server ends as a failure."""
        if not self._tally.is_over:
            self._tally.add(0.0, False, b"the server closed the connection")

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == DATA:
            self._parts.append(payload)
            self._refill(len(payload))
        elif kind == SETTINGS and not flags & ACK:
            self.transport.write(frame(SETTINGS, ACK, 0, b""))
        elif kind == PING and not flags & ACK:
            self.transport.write(frame(PING, ACK, 0, payload))
        elif kind == GO_AWAY:
            self.transport.close()
        if stream == self._stream and (kind == RESET or (kind in (DATA, HEADERS) and flags & END_STREAM)):
            self._ended()

    def _ended(self) -> None:
        message = b"".join(self._parts)
        is_good = len(message) > 5 and len(message) == 5 + int.from_bytes(message[1:5], "big")
        self._tally.add(time.perf_counter() - self._sent, is_good, message[5:] if is_good else b"no message came")
        if not self._tally.is_over and self._stream < LAST_STREAM:
            self.begin()

    def _refill(self, num_bytes: int) -> None:
        """Give back the connection's window, now and then."""
        self._unacknowledged += num_bytes
        if self._unacknowledged > 2**20:
            self.transport.write(frame(WINDOW, 0, 0, struct.pack(">I", self._unacknowledged)))
            self._unacknowledged = 0


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return one frame."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _header_block(path: str) -> bytes:
    """Return the request's headers: of the static table where it has them (RFC 7541, appendix A), else as literals."""
    post, http = b"\x83", b"\x86"
    named = [(b"\x04", path), (b"\x01", "127.0.0.1")]  # :path and :authority by their index, not to be indexed
    literals = [("te", "trailers"), ("content-type", "application/grpc")]
    block = post + http + b"".join(index + _text(value) for index, value in named)
    return block + b"".join(b"\0" + _text(name) + _text(value) for name, value in literals)


def _text(value: str) -> bytes:
    data = value.encode()
    if len(data) < 127:
        return bytes((len(data),)) + data
    rest = len(data) - 127
    return bytes((127, rest)) + data if rest < 128 else bytes((127, rest & 127 | 128, rest >> 7)) + data
