"""Connections to one HTTP server, kept open between requests and shared by threads."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass
from email.message import Message

from serving.client.address import Address, Tls
from serving.client.failures import CONNECTION, Failure

CHUNK_BYTES = 2**18
MAX_IDLE = 512


@dataclass(frozen=True)
class HttpAnswer:
    """A whole answer."""

    status: int
    headers: Message
    body: bytes


class Connections:
    """Sends requests over connections that are taken up again; any thread may ask."""

    def __init__(self, address: Address, tls: Tls):
        """Connect to `address` when it is first asked."""
        self._address = address
        self._context = tls.context() if address.is_safe else None
        self._idle: deque[http.client.HTTPConnection] = deque(maxlen=MAX_IDLE)
        self._lock = threading.Lock()

    def exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], within_s: float
    ) -> HttpAnswer:
        """Send a request and read the answer, whatever its status.

        A connection that the server closed while it was idle is replaced, without counting as a try.

        Raises:
            Failure: No whole answer came in time.
        """
        deadline = time.monotonic() + within_s
        while True:
            connection, was_used = self._take()
            try:
                return self._exchange(connection, method, path, body, headers, deadline)
            except (ConnectionError, http.client.RemoteDisconnected) as error:
                connection.close()
                if not was_used:
                    raise Failure(CONNECTION, _reason(error), may_pass=True) from error
            except TimeoutError as error:
                connection.close()
                raise Failure("DEADLINE_EXCEEDED", f"no answer within {within_s:.3g} s", may_pass=False) from error
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                is_name = isinstance(error, socket.gaierror)
                raise Failure(
                    CONNECTION, _reason(error), may_pass=is_name and error.errno == socket.EAI_AGAIN
                ) from error

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = list(self._idle), deque(maxlen=MAX_IDLE)
        for connection in idle:
            connection.close()

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        deadline: float,
    ) -> HttpAnswer:
        connection.timeout = _remaining(deadline)
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(_remaining(deadline))
        connection.request(method, path, body, headers)
        socket_, response = connection.sock, connection.getresponse()
        parts = []
        while chunk := response.read1(CHUNK_BYTES):
            parts.append(chunk)
            socket_.settimeout(_remaining(deadline))
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        response.close()  # else the connection takes no other request
        answer = HttpAnswer(response.status, response.headers, b"".join(parts))
        if response.will_close:
            connection.close()
        else:
            self._give_back(connection)
        return answer

    def _take(self) -> tuple[http.client.HTTPConnection, bool]:
        with self._lock:
            if self._idle:
                return self._idle.pop(), True
        address = self._address
        if self._context is not None:
            return http.client.HTTPSConnection(address.host, address.port, context=self._context), False
        return http.client.HTTPConnection(address.host, address.port), False

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            dropped = self._idle.popleft() if len(self._idle) == MAX_IDLE else None
            self._idle.append(connection)
        if dropped is not None:
            dropped.close()


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining


def _reason(error: Exception) -> str:
    if isinstance(error, http.client.IncompleteRead):
        return f"the connection ended {error.expected} bytes before the answer did"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"CERTIFICATE_VERIFY_FAILED: {error.verify_message}"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip()
