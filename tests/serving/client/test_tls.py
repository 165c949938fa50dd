"""Calls over TLS, where the server asks for the client's certificate."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import grpc
import pytest

from estafet.errors import ServiceUnavailable
from serving.client import Client, Tls
from serving.client.messages import message
from serving.server import tls as server_tls

VERSIONS = {"model_version_status": [{"version": "5", "state": "AVAILABLE", "status": {"error_message": ""}}]}


@pytest.fixture(scope="module")
def pki(tmp_path_factory) -> Path:
    """An authority, and a certificate from it that server and client share."""
    folder = tmp_path_factory.mktemp("pki")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    (folder / "names").write_text("subjectAltName=DNS:localhost")
    for command in (
        ("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca"),
        ("req", *new, "-keyout", "one.key", "-out", "one.csr", "-subj", "/CN=one"),
        ("x509", "-req", "-in", "one.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "one.pem",
         "-days", "2", "-extfile", "names"),
    ):  # fmt: skip
        subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def asking(pki) -> server_tls.Tls:
    """What a server needs that asks for certificates."""
    texts = [(pki / name).read_text() for name in ("one.key", "one.pem", "ca.pem")]
    return server_tls.Tls(*texts, asks_clients=True)


@pytest.fixture
def https(asking) -> Iterator[str]:
    """The URL of a server that tells a model's status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(VERSIONS).encode())

        def log_message(self, *arguments: object) -> None:
            pass

    class Quiet(HTTPServer):
        def handle_error(self, *arguments: object) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    server.socket = asking.context().wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"https://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def grpcs(asking) -> Iterator[str]:
    """The same over gRPC."""
    response = message("StatusResponse")
    response.model_version_status.add(version=5, state=30)
    server = grpc.server(futures.ThreadPoolExecutor(1))
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: response.SerializeToString())
    service = grpc.method_handlers_generic_handler("tensorflow.serving.ModelService", {"GetModelStatus": handler})
    server.add_generic_rpc_handlers((service,))
    port = server.add_secure_port("127.0.0.1:0", asking.credentials())
    server.start()
    yield f"grpcs://localhost:{port}"
    server.stop(0).wait()


@pytest.mark.parametrize("scheme", ["https", "grpcs"])
def test_who_trusts_the_authority_and_shows_a_certificate_gets_in(scheme, pki, request):
    url = request.getfixturevalue(scheme)

    with Client(url, "m", tls=Tls(pki / "ca.pem", pki / "one.pem", pki / "one.key")) as client:
        assert client.wait_until_available(timeout_s=20) == 5


@pytest.mark.parametrize("scheme", ["https", "grpcs"])
def test_who_shows_no_certificate_stays_outside(scheme, pki, request):
    url = request.getfixturevalue(scheme)

    with pytest.raises(ServiceUnavailable):
        Client(url, "m", tls=Tls(pki / "ca.pem"), retries=0).status()


def test_who_does_not_know_the_authority_is_told_how_to_name_it(https):
    with pytest.raises(ServiceUnavailable, match="CERTIFICATE_VERIFY_FAILED") as caught:
        Client(https, "m").status()

    assert "--ca" in caught.value.hint
