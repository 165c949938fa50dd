"""What the client says when a server is away."""

from __future__ import annotations

import socket

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


def test_waiting_ends(nobody):
    with pytest.raises(ServiceUnavailable, match=r"version 2 of 'm' .* is not available after 0.1 s"):
        Client(nobody, "m").wait_until_available(2, timeout_s=0.1)
