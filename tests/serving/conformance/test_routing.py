"""Section 7: which paths are answered, how, and with which codes."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import httpx
import pytest

BODY = b'{"instances": [1.0]}'
PATH = "/v1/models/half_plus_two"


def raw(rest: httpx.Client, method: str, target: str, body: bytes = b"") -> tuple[int, str, bytes]:
    """Ask without a client that corrects the target."""
    connection = http.client.HTTPConnection(urlsplit(str(rest.base_url)).netloc, timeout=30)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type", ""), response.read()
    finally:
        connection.close()


def test_answers_are_json_with_a_length_and_a_date(rest):
    response = rest.post(f"{PATH}:predict", content=BODY)

    assert response.headers["content-type"] == "application/json"
    assert int(response.headers["content-length"]) == len(response.content)
    assert "date" in response.headers


@pytest.mark.parametrize("path", ["/V1/MODELS/half_plus_two:predict", "/v1/models/half_plus_two/VERSIONS/1:predict"])
def test_paths_are_matched_in_any_case(rest, path):
    assert rest.post(path, content=BODY).status_code == 200


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", f"{PATH}:PREDICT"),
        ("POST", f"{PATH}:predict?x=1"),
        ("POST", PATH),
        ("POST", f"{PATH}/versions/a:predict"),
        ("POST", f"{PATH}/versions/1/labels/stable:predict"),
        ("POST", f"{PATH}:explain"),
        ("GET", "/v1/"),
        ("GET", "/v1/nothing"),
        ("GET", f"{PATH}/versions/1/more"),
        ("GET", f"{PATH}:predict"),
        ("PUT", PATH),
        ("DELETE", PATH),
        ("PATCH", PATH),
    ],
)
def test_no_other_path_is_a_call(rest, method, target):
    status, kind, body = raw(rest, method, target)

    assert (status, kind) == (400, "application/json")
    assert body.decode() == f'{{\n    "error": "Malformed request: {method} {target}"\n}}'


def test_head_is_malformed(rest):
    assert rest.head(PATH).status_code == 400


def test_a_query_becomes_part_of_the_name(rest):
    response = rest.get(f"{PATH}?x=1")

    assert response.status_code == 404
    assert response.json()["error"] == "Could not find any versions of model half_plus_two?x=1"


@pytest.mark.parametrize("version", ["9223372036854775808", "9" * 5000])
def test_a_version_must_fit_an_int64(rest, version):
    for answer in (
        rest.post(f"{PATH}/versions/{version}:predict", content=BODY),
        rest.get(f"{PATH}/versions/{version}"),
    ):
        assert answer.status_code == 400
        assert answer.json()["error"] == f"Failed to convert version: {version} to numeric."


@pytest.mark.parametrize("path", ["/", "/v2/health/ready", "/v1", "/favicon.ico"])
def test_paths_outside_get_a_page(serving, rest, path):
    response = rest.post(path)

    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://a"}, 200),
        ({"Origin": "https://a"}, 200),
        ({"Origin": "file://a"}, 400),
        ({"Origin": "http:/"}, 400),
        ({}, 400),
    ],
)
def test_options_looks_at_the_origin_alone(rest, headers, status):
    response = rest.options(f"{PATH}:anything", headers=headers)

    assert (response.status_code, response.content) == (status, b"")
    assert "content-type" not in response.headers


def test_cors_headers_are_on_every_answer(rest):
    for response in (rest.get(PATH), rest.get("/v1/models/no"), rest.options(PATH), rest.put(PATH)):
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["access-control-allow-methods"] == "POST, GET"
        assert response.headers["access-control-allow-headers"] == "Content-Type"


def test_request_headers_are_ignored(rest):
    headers = {"Content-Type": "text/html", "Accept": "image/png"}

    assert rest.post(f"{PATH}:predict", content=BODY, headers=headers).json() == {"predictions": [2.5]}


def test_bodies_may_come_in_chunks(rest):
    response = rest.post(f"{PATH}:predict", content=iter([b'{"instances"', b": [1.0, ", b"2.0]}"]))

    assert response.json() == {"predictions": [2.5, 3.0]}
