"""TLS and mutual TLS, by the file of `--ssl_config_file`: PEM texts of a key, a certificate, and an authority."""

from __future__ import annotations

import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from serving.server.models.config import read_text_proto
from serving.server.protos import ssl_config
from serving.server.status import invalid

if TYPE_CHECKING:
    import grpc


@dataclass(frozen=True)
class Tls:
    """What a server shows, and what it asks of clients; PEM texts.

    Attributes:
        key: The server's private key.
        certificate: Its certificate, and those between it and the authority.
        authority: Certificates of the authorities that clients' certificates must come from; any known one if empty.
        asks_clients: Whether a client must show a certificate.
    """

    key: str = field(repr=False)
    certificate: str
    authority: str = ""
    asks_clients: bool = False

    @classmethod
    def read(cls, path: str | Path) -> Tls:
        """Read a file.

        Raises:
            StatusError: It does not parse, or has no usable key and certificate.
        """
        config = read_text_proto(path, ssl_config()())
        found = cls(config.server_key, config.server_cert, config.custom_ca, config.client_verify)
        try:
            found.context()
        except (ssl.SSLError, ValueError) as error:
            raise invalid(f"The key and the certificate in '{path}' cannot be used: {error}") from error
        return found

    def context(self) -> ssl.SSLContext:
        """Return what a listener for HTTPS needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with tempfile.TemporaryDirectory() as folder:  # load_cert_chain reads files only
            path = Path(folder) / "server.pem"
            path.touch(mode=0o600)
            path.write_text(f"{self.key}{os.linesep}{self.certificate}", encoding="ascii")
            context.load_cert_chain(path)
        if self.authority:
            context.load_verify_locations(cadata=self.authority)
        elif self.asks_clients:
            context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        if self.asks_clients:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def credentials(self) -> grpc.ServerCredentials:
        """Return what a listener for gRPC needs."""
        import grpc

        authority = self.authority.encode() or None
        if self.asks_clients and authority is None:
            authority = Path(ssl.get_default_verify_paths().openssl_cafile).read_bytes()
        return grpc.ssl_server_credentials(
            [(self.key.encode(), self.certificate.encode())], authority, require_client_auth=self.asks_clients
        )
