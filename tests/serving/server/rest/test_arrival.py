"""Clients that are too slow to be waited for."""

from __future__ import annotations

import asyncio
import socket

import pytest
import uvicorn

from serving.server.rest import arrival


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(arrival, "ARRIVAL_S", 0.15)
    monkeypatch.setattr(arrival, "LOOK_S", 0.02)
    monkeypatch.setattr(arrival, "SLOWEST_BYTES_PER_S", 100)


async def app(scope, receive, send) -> None:
    message = await receive()
    while message.get("more_body"):
        message = await receive()
    if message["type"] == "http.request":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def talk(*parts: bytes, pause_s: float = 0.0) -> bytes:
    """Send parts with pauses to a server in this process, and return all that it says until it closes."""

    async def both() -> bytes:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            config = uvicorn.Config(
                app, http=arrival.PatientProtocol, ws="none", lifespan="off", log_level="critical", timeout_keep_alive=1
            )
            server = uvicorn.Server(config)
            server.install_signal_handlers = lambda: None
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            try:
                for part in parts:
                    writer.write(part)
                    await asyncio.sleep(pause_s)
                return await asyncio.wait_for(reader.read(), 20)
            finally:
                writer.close()
                server.should_exit = True
                await serving

    return asyncio.run(both())


HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\n"


@pytest.mark.parametrize("parts", [(), (b"POST / HT",), (HEAD,), (HEAD + b"a",)])
def test_a_request_that_does_not_arrive_is_ended_with_408(parts):
    answer = talk(*parts)

    assert answer.startswith(b"HTTP/1.1 408 ")
    length = int(answer.split(b"content-length: ")[1].split(b"\r\n")[0])
    assert len(answer.split(b"\r\n\r\n")[1]) == length


def test_a_body_that_keeps_coming_is_waited_for():
    """60 bytes buy 0.6 s beyond the 0.15 s that everyone has."""
    answer = talk(HEAD, *[b"a" * 20] * 3, pause_s=0.06)

    assert answer.startswith(b"HTTP/1.1 200 ")
