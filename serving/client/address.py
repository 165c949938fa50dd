"""Where a server is, and how its callers are kept safe: URLs, TLS, the bearer token."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from estafet.errors import ConfigError

TOKEN_VARIABLE = "ESTAFET_SERVE_TOKEN"
PORTS = {"http": 8501, "https": 8501, "grpc": 8500, "grpcs": 8500}


@dataclass(frozen=True)
class Tls:
    """What a client trusts, and what it shows; paths of PEM files.

    Attributes:
        authority: Certificates of the authorities that the server's must come from; those of this machine without it.
        certificate: The client's own certificate, where the server asks for one.
        key: The private key of that certificate.
    """

    authority: str | Path | None = None
    certificate: str | Path | None = None
    key: str | Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return what HTTPS needs.

        Raises:
            ConfigError: A file is missing, or holds nothing usable.
        """
        try:
            context = ssl.create_default_context(cafile=self.authority)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ValueError) as error:
            raise _unusable(error) from error
        return context

    def texts(self) -> tuple[bytes | None, bytes | None, bytes | None]:
        """Return the authority, the key and the certificate, as gRPC takes them.

        Raises:
            ConfigError: A file is missing, or holds nothing usable.
        """
        self.context()
        files = (self.authority, self.key or self.certificate, self.certificate)
        return tuple(None if file is None else Path(file).read_bytes() for file in files)  # type: ignore[return-value]


@dataclass(frozen=True)
class Address:
    """A server's address.

    Attributes:
        scheme: http, https, grpc, or grpcs (gRPC over TLS).
        host: Name or number of the machine.
        port: The port.
        prefix: What stands before `/v1` in the path, such as a proxy's.
    """

    scheme: str
    host: str
    port: int
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a URL; without a port it is TensorFlow Serving's own: 8501 for REST, 8500 for gRPC.

        Raises:
            ConfigError: It is no such URL.
        """
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname
        except ValueError:
            port = host = None
        if not host or parts.scheme not in PORTS or parts.query or (parts.path.strip("/") and "grpc" in parts.scheme):
            raise ConfigError(
                f"'{url}' is no address of a model server.",
                hint="write http://HOST:PORT or https://HOST:PORT for REST, grpc://HOST:PORT or grpcs://HOST:PORT.",
            )
        return cls(parts.scheme, host, PORTS[parts.scheme] if port is None else port, parts.path.rstrip("/"))

    @property
    def is_grpc(self) -> bool:
        """Whether it speaks gRPC."""
        return self.scheme.startswith("grpc")

    @property
    def is_safe(self) -> bool:
        """Whether it speaks TLS."""
        return self.scheme in ("https", "grpcs")

    @property
    def target(self) -> str:
        """Host and port, as gRPC takes them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def token_of_environment() -> str | None:
    """Return the bearer token that this process was given, as the server takes it."""
    return os.environ.get(TOKEN_VARIABLE) or None


def _unusable(error: Exception) -> ConfigError:
    return ConfigError(
        f"the certificates cannot be used: {error}.",
        hint="they are PEM files: --ca for the authority, --cert and --key for the client's own.",
    )
