"""What the client says when a server is away."""

from __future__ import annotations

import socket
import threading

import pytest

from estafet.errors import ServiceUnavailable
from serving.client import Client


@pytest.fixture
def nobody() -> str:
    """The URL of a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_a_server_that_is_away_is_unavailable(nobody):
    with pytest.raises(ServiceUnavailable, match="does not answer") as caught:
        Client(nobody, "m").predict([1.0])

    assert "estafet serve" in caught.value.hint


def test_a_port_that_speaks_no_http_is_unavailable():
    """Such as the port of gRPC, or of SSH."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].sendall(b"SSH-2.0-x\r\n"), daemon=True).start()

        with pytest.raises(ServiceUnavailable, match="does not answer: SSH"):
            Client(f"http://127.0.0.1:{server.getsockname()[1]}", "m").status()


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_server_that_says_nothing_is_left_at_the_deadline(scheme):
    """It takes the connection, and that is all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = Client(f"{scheme}://127.0.0.1:{server.getsockname()[1]}", "m")

        with pytest.raises(ServiceUnavailable, match=r"DEADLINE_EXCEEDED: no answer within 0\.2") as caught:
            client.predict([1.0], timeout_s=0.2)

    assert "timeout_s" in caught.value.hint


def test_waiting_ends(nobody):
    with pytest.raises(ServiceUnavailable, match=r"version 2 of 'm' .* is not available after 0.1 s"):
        Client(nobody, "m").wait_until_available(2, timeout_s=0.1)
