"""Paths, and what they name."""

from __future__ import annotations

import pytest

from serving.server.rest.routing import Target, is_served, target_of
from serving.server.status import StatusError


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("POST", "/v1/models/m:predict", Target("m", None, None, "predict")),
        ("POST", "/V1/Models/m/VERSIONS/007:regress", Target("m", 7, None, "regress")),
        ("POST", "/v1/models/a%2Fb/labels/x%20y:classify", Target("a/b", None, "x y", "classify")),
        ("POST", "/v1/models/%ff:predict", Target("�", None, None, "predict")),
        ("GET", "/v1/models/m", Target("m", None, None, "")),
        ("GET", "/v1/models/m/versions/1/METADATA", Target("m", 1, None, "metadata")),
        ("GET", "/v1/models/m?x=1", Target("m?x=1", None, None, "")),
        ("GET", "/v1/models/m/versions/9223372036854775807", Target("m", 2**63 - 1, None, "")),
    ],
)
def test_a_path_names_a_model_a_version_and_a_verb(method, path, target):
    assert target_of(method, path) == target


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("POST", "/v1/models/m:Predict", "Malformed request: POST /v1/models/m:Predict"),
        ("PUT", "/v1/models/m", "Malformed request: PUT /v1/models/m"),
        ("GET", "/v1/models/", "Malformed request: GET /v1/models/"),
        ("GET", "/v1/models", "Missing model name in request."),
        (
            "GET",
            "/v1/models/m/versions/9223372036854775808",
            "Failed to convert version: 9223372036854775808 to numeric.",
        ),
    ],
)
def test_other_paths_are_refused(method, path, message):
    with pytest.raises(StatusError) as caught:
        target_of(method, path)

    assert caught.value.message == message


def test_only_v1_belongs_to_the_interface():
    assert [is_served(path) for path in ("/v1/", "/V1/x\ny", "/v1", "/v2/", "/")] == [True, True, False, False, False]
