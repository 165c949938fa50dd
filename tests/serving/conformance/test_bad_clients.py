"""Clients that misbehave: the server refuses them, and answers the next one."""

from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest

pytestmark = pytest.mark.ours
PREDICT = "/v1/models/half_plus_two:predict"


@pytest.fixture
def connect(serving) -> Callable[[], socket.socket]:
    """Return a function that opens a bare connection."""
    address = urlsplit(serving.rest)
    return lambda: socket.create_connection((address.hostname, address.port), timeout=30)


@pytest.fixture(autouse=True)
def still_answers(rest):
    """After each of these tests the next client is served."""
    yield
    assert rest.post(PREDICT, content=b'{"instances": [1.0]}').json() == {"predictions": [2.5]}


def received(connection: socket.socket, until: bytes = b"\r\n\r\n") -> bytes:
    data = b""
    while until not in data:
        more = connection.recv(65536)
        if not more:
            break
        data += more
    return data


def request(body: bytes) -> bytes:
    return f"POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_pipelined_requests_are_answered_in_order(connect):
    with connect() as connection:
        connection.sendall(b"".join(request(b'{"instances": [%d.0]}' % number) for number in range(50)))
        data = b""
        while data.count(b"predictions") < 50 or not data.endswith(b"}"):
            data += connection.recv(65536)

    answers = [
        float(part.split(b"[")[1].split(b"\n")[0]) for part in data.split(b'"predictions": ')[1:] for part in [part]
    ]
    assert answers == [number / 2 + 2 for number in range(50)]


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v1/models/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST " + PREDICT.encode() + b" HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"BREW /v1/models HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_http_is_refused(connect, sent):
    with connect() as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = received(connection)

    assert answer == b"" or 400 <= int(answer.split()[1]) < 500


def test_clients_may_go_away_at_any_time(connect):
    whole = request(b'{"instances": [1.0]}')
    for length in (1, 20, len(whole) - 5, len(whole)):
        with connect() as connection:
            connection.sendall(whole[:length])


def test_a_body_beyond_the_limit_is_refused(serving, rest):
    """The limit is 32 MiB; nothing of this is kept, and the client sees why."""
    part = b" " * 2**20
    response = httpx.post(f"{serving.rest}{PREDICT}", content=(part for _ in range(33)), timeout=60)

    assert response.status_code == 413
    assert "larger than this server takes" in response.json()["error"]


def test_a_bomb_of_gzip_is_an_empty_document(rest):
    """More than 100 MiB of content counts as none."""
    import zlib

    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(b" " * 2**20) for _ in range(110)) + packer.flush()
    response = rest.post(PREDICT, content=bomb, headers={"Content-Encoding": "gzip"})

    assert (response.status_code, response.json()["error"]) == (400, "JSON Parse error: The document is empty")


@pytest.mark.parametrize("depth", [70, 900, 1100, 200_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting_is_refused(rest, depth, opening):
    closing = b"]" if opening == b"[" else b"}"
    body = b'{"instances": [' + opening * depth + b"1" + closing * depth + b"]}"

    assert rest.post(PREDICT, content=body).status_code == 400


def test_long_paths_and_headers_are_refused_or_answered(rest):
    assert rest.get(f"/v1/models/{'a' * 20_000}").status_code in (400, 404, 414, 431)
    assert rest.get("/v1/models/no", headers={"X-Long": "a" * 20_000}).status_code in (404, 431)
