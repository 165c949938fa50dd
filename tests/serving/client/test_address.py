"""Which URLs name a model server."""

from __future__ import annotations

import pytest

from estafet.errors import ConfigError
from serving.client import Client, Tls
from serving.client.address import Address


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost", Address("http", "localhost", 8501)),
        ("https://h:443/behind/proxy/", Address("https", "h", 443, "/behind/proxy")),
        ("grpc://[::1]", Address("grpc", "::1", 8500)),
        ("grpcs://h:1", Address("grpcs", "h", 1)),
    ],
)
def test_a_url_is_read(url, expected):
    assert Address.parse(url) == expected


def test_grpc_takes_ipv6_in_brackets():
    assert Address.parse("grpc://[::1]:7").target == "[::1]:7"


@pytest.mark.parametrize("url", ["localhost:8501", "ftp://h", "http://", "http://h:port", "grpc://h/x", "http://[::1"])
def test_another_url_is_refused(url):
    with pytest.raises(ConfigError, match="is no address of a model server"):
        Address.parse(url)


@pytest.mark.parametrize("scheme", ["https", "grpcs"])
def test_certificates_that_are_none_are_refused(tmp_path, scheme):
    (tmp_path / "ca.pem").write_text("no certificate")

    with pytest.raises(ConfigError, match="the certificates cannot be used"):
        Client(f"{scheme}://h", "m", tls=Tls(tmp_path / "ca.pem"))
