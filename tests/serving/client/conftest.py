"""One real server for the client's tests, and an HTTP server that fails as it is told."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest

from serving.client import Client
from serving.server.process import ServerProcess

START_S = 120
TOKEN = "open-sesame"
SIGNATURE = {"inputs": {"x": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}]}}}}
SIGNATURE["outputs"] = {"y": SIGNATURE["inputs"]["x"]}


class Served(NamedTuple):
    """The addresses of a server."""

    rest: str
    grpc: str


@pytest.fixture(scope="package")
def served(toy, tmp_path_factory) -> Iterator[Served]:
    """A server of the model `toy`, versions 1 and 4, that asks for a token."""
    folder = tmp_path_factory.mktemp("served")
    for version in ("1", "4"):
        shutil.copytree(toy, folder / "models" / "toy" / version)
    server = ServerProcess(folder / "models", "toy", folder, "--grpc-port", "0")
    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:  # for its start alone: other packages' servers ask for no token
            patch.setenv("ESTAFET_SERVE_TOKEN", TOKEN)
            stack.enter_context(server)
        rest = server.wait_until_listening(START_S)
        announced = json.loads((folder / "address.json").read_text())
        yield Served(rest, f"grpc://127.0.0.1:{announced['grpc_port']}")


@pytest.fixture(params=["rest", "grpc"])
def client(served, request, monkeypatch) -> Iterator[Client]:
    """A client of it, over each of the two protocols; its token comes from the environment."""
    monkeypatch.setenv("ESTAFET_SERVE_TOKEN", TOKEN)
    with Client(getattr(served, request.param), "toy") as client:
        yield client


class Flaky:
    """A model server that answers predict as a list of steps says, and then rightly.

    A step is a status with headers, or `RESET`: the connection ends before an answer.
    """

    RESET = (0, {})

    def __init__(self) -> None:
        self.steps: list[tuple[int, dict[str, str]]] = []
        self.connections: set[tuple[str, int]] = set()
        self.num_predicts = 0
        self.headers: list[dict[str, str]] = []
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        self.connections.add(handler.client_address)
        self.headers.append(dict(handler.headers.items()))
        if handler.command == "GET":
            signatures = {"signature_def": {"signature_def": {"serving_default": SIGNATURE}}}
            self._send(handler, 200, {"model_spec": {"name": "m", "version": "1"}, "metadata": signatures})
            return
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.num_predicts += 1
        status, headers = self.steps.pop(0) if self.steps else (200, {})
        if status == 0:
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
        elif status == 200:
            self._send(handler, 200, {"predictions": [2 * value for value in body["instances"]]}, headers)
        else:
            self._send(handler, status, {"error": f"step {status}"}, headers)

    @staticmethod
    def _send(
        handler: BaseHTTPRequestHandler, status: int, value: object, headers: dict[str, str] | None = None
    ) -> None:
        content = json.dumps(value).encode()
        handler.send_response(status)
        for name, text in {**(headers or {}), "Content-Length": str(len(content))}.items():
            handler.send_header(name, text)
        handler.end_headers()
        handler.wfile.write(content)


@pytest.fixture
def start_flaky() -> Iterator[Callable[..., Flaky]]:
    """Return a function that starts a `Flaky`; its steps are the arguments."""
    started: list[ThreadingHTTPServer] = []

    def start(*steps: tuple[int, dict[str, str]]) -> Flaky:
        flaky = Flaky()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                flaky.answer(self)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *arguments: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        started.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        flaky.steps, flaky.url = list(steps), f"http://127.0.0.1:{server.server_address[1]}"
        return flaky

    yield start
    for server in started:
        server.shutdown()
        server.server_close()
