"""TLS and mutual TLS, with an authority that lives as long as the test."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from serving.server.status import StatusError
from serving.server.tls import Tls


@pytest.fixture(scope="module")
def pki(tmp_path_factory) -> Path:
    """An authority, and a server's and a client's certificate from it; `stranger` is from nobody."""
    folder = tmp_path_factory.mktemp("pki")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    for name in ("authority", "stranger"):
        openssl("req", "-x509", *new, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    for name in ("server", "client"):
        openssl("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signing = ("-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-days", "2")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signing, "-extfile", "names")
    return folder


def write(pki: Path, path: Path, *, asks_clients: bool) -> Path:
    """Write the text of an SSLConfig."""
    texts = {"server_key": "server.key", "server_cert": "server.pem", "custom_ca": "authority.pem"}
    lines = [f"{field}: {json.dumps((pki / name).read_text())}" for field, name in texts.items()]
    path.write_text("\n".join([*lines, f"client_verify: {str(asks_clients).lower()}"]))
    return path


@pytest.fixture(params=[False, True], ids=["TLS", "mutual TLS"])
def tls(pki, tmp_path, request) -> Tls:
    return Tls.read(write(pki, tmp_path / "ssl.config", asks_clients=request.param))


def https(tls: Tls, client: ssl.SSLContext) -> bytes | None:
    """Return what a client reads from a listener, or None where the handshake fails."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            try:
                with tls.context().wrap_socket(listener.accept()[0], server_side=True) as connection:
                    connection.sendall(b"hello")
            except (ssl.SSLError, OSError):
                pass

        answering = threading.Thread(target=answer)
        answering.start()
        try:
            with socket.create_connection(listener.getsockname()) as plain:
                with client.wrap_socket(plain, server_hostname="localhost") as connection:
                    return connection.recv(5) or None
        except (ssl.SSLError, OSError):
            return None
        finally:
            answering.join()


def over_grpc(tls: Tls, credentials: grpc.ChannelCredentials) -> bytes | None:
    """Return what a call answers, or None where it does not come about."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: b"hello")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s", {"m": handler}),))
    port = server.add_secure_port("127.0.0.1:0", tls.credentials())
    server.start()
    try:
        with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
            return channel.unary_unary("/s/m")(b"", timeout=10)
    except grpc.RpcError:
        return None
    finally:
        server.stop(0).wait()


@pytest.mark.parametrize("name", ["client", "stranger", None])
def test_who_gets_in_over_https_and_grpc(tls, pki, name):
    """With mutual TLS only a client of the authority, else everyone who trusts the server."""
    context = ssl.create_default_context(cafile=str(pki / "authority.pem"))
    files = [None, None]
    if name is not None:
        context.load_cert_chain(pki / f"{name}.pem", pki / f"{name}.key")
        files = [(pki / f"{name}.key").read_bytes(), (pki / f"{name}.pem").read_bytes()]
    credentials = grpc.ssl_channel_credentials((pki / "authority.pem").read_bytes(), *files)
    expected = b"hello" if name == "client" or not tls.asks_clients else None

    assert https(tls, context) == expected
    assert over_grpc(tls, credentials) == expected


def test_a_client_that_does_not_know_the_authority_stays_away(tls):
    assert https(tls, ssl.create_default_context()) is None


@pytest.mark.parametrize("text", ["", 'server_key: "x" server_cert: "y"'])
def test_a_key_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "ssl.config").write_text(text)

    with pytest.raises(StatusError, match=r"INVALID_ARGUMENT: The key and the certificate in .* cannot be used"):
        Tls.read(tmp_path / "ssl.config")


def test_a_file_that_does_not_parse_is_refused(tmp_path):
    (tmp_path / "ssl.config").write_text("server_kee: 'x'")

    with pytest.raises(StatusError, match="Invalid protobuf file"):
        Tls.read(tmp_path / "ssl.config")


def test_the_key_is_never_shown(pki, tmp_path):
    tls = Tls.read(write(pki, tmp_path / "ssl.config", asks_clients=False))

    assert "PRIVATE KEY" not in repr(tls)
