"""The connections between the workers' supervisors: lines of JSON, heartbeats, and who has been lost.

The chief's supervisor has one connection to each of the others. A connection ends when the supervisor at its other end
ends, or gives up a training process that died; that is noticed at once. A machine that vanished closes nothing; it is
noticed by its silence.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import time
from collections.abc import Mapping
from typing import Any

BEAT_INTERVAL_S = 2.0
SILENCE_S = 12.0
SEND_TIMEOUT_S = 5.0
LINGER_S = 1.0
MAX_LINE_BYTES = 1 << 20

Message = Mapping[str, Any]


class Link:
    """A connection to another supervisor.

    Attributes:
        peer: Index of the worker at its other end.
        is_lost: Whether it was closed, broke, or fell silent.
        has_spoken: Whether a message has ever come, so that the other end is a supervisor.
    """

    def __init__(self, connection: socket.socket, peer: int):
        self.socket, self.peer, self.is_lost, self.has_spoken = connection, peer, False, False
        self._buffer, self._heard = b"", time.monotonic()
        connection.setblocking(False)

    def send(self, kind: str, **values: object) -> None:
        """Send a message; a connection on which that fails is lost."""
        if self.is_lost:
            return
        try:
            self.socket.settimeout(SEND_TIMEOUT_S)
            self.socket.sendall(json.dumps({"kind": kind, **values}).encode() + b"\n")
            self.socket.setblocking(False)
        except OSError:
            self.is_lost = True

    def receive(self) -> list[Message]:
        """Return the messages that are there, without waiting; what is no message makes the connection lost."""
        try:
            received = self.socket.recv(1 << 16)
        except BlockingIOError:
            self.is_lost = self.is_lost or time.monotonic() - self._heard > SILENCE_S
            return []
        except OSError:
            received = b""
        self._heard = time.monotonic()
        *lines, self._buffer = (self._buffer + received).split(b"\n")
        self.is_lost = self.is_lost or not received or len(self._buffer) > MAX_LINE_BYTES
        messages = []
        for line in lines:
            try:
                messages.append(dict(json.loads(line)))
                self.has_spoken = True
            except (ValueError, TypeError):  # another program's port
                self.is_lost = True
        return [message for message in messages if message.get("kind") != "beat"]

    def close(self) -> None:
        """Close the connection, once the other end has had the time to read what was sent last.

        A socket that is closed with bytes unread, such as the other's heartbeats, resets the connection, and what was
        sent may then never be read.
        """
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
            until = time.monotonic() + LINGER_S
            self.socket.settimeout(LINGER_S)
            while not self.is_lost and time.monotonic() < until and self.socket.recv(1 << 16):
                pass
        self.is_lost = True
        self.socket.close()


class Links:
    """All connections of one supervisor: to the chief's, or from the chief's to all others.

    Args:
        links: One for each worker at the other end.
    """

    def __init__(self, links: list[Link]):
        self.links = links
        self._beaten, self._put_back = 0.0, []

    def __enter__(self) -> Links:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        for link in self.links:
            link.close()

    @property
    def lost(self) -> list[int]:
        """Indices of the workers whose connection is lost."""
        return [link.peer for link in self.links if link.is_lost]

    def send(self, kind: str, **values: object) -> None:
        """Send a message to all."""
        for link in self.links:
            link.send(kind, **values)

    def put_back(self, messages: list[tuple[int, Message]]) -> None:
        """Have the next `poll` return messages once more that came together with the last one that was looked at."""
        self._put_back = messages

    def poll(self, timeout_s: float) -> list[tuple[int, Message]]:
        """Wait for messages for at most `timeout_s` seconds, and return them with the index of who sent them."""
        if time.monotonic() - self._beaten >= BEAT_INTERVAL_S:
            self._beaten = time.monotonic()
            self.send("beat")
        if self._put_back:
            messages, self._put_back = self._put_back, []
            return messages
        open_links = [link for link in self.links if not link.is_lost]
        if not open_links:
            time.sleep(timeout_s)
            return []
        with selectors.DefaultSelector() as selector:
            for link in open_links:
                selector.register(link.socket, selectors.EVENT_READ)
            selector.select(timeout_s)
        return [(link.peer, message) for link in open_links for message in link.receive()]
