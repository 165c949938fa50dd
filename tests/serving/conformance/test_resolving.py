"""Section 4: which version answers a ModelSpec, over gRPC and over REST."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("spec", "version"), [({}, 2), ({"version": 1}, 1), ({"label": "stable"}, 1), ({"label": "a b"}, 2)]
)
def test_the_newest_version_answers_unless_one_is_named(prediction, predict_request, spec, version):
    response = prediction.Predict(predict_request({"x": [1.0]}, **spec))

    assert response.model_spec.version.value == version
    assert response.model_spec.name == "half_plus_two"
    assert response.model_spec.version_label == ""
    assert response.model_spec.signature_name == "serving_default"


@pytest.mark.parametrize(
    ("name", "spec", "refused"),
    [
        ("", {}, ("INVALID_ARGUMENT", "ModelSpec has no name specified.")),
        ("no", {}, ("NOT_FOUND", "Servable not found for request: Latest(no)")),
        ("no", {"version": 3}, ("NOT_FOUND", "Servable not found for request: Specific(no, 3)")),
        ("half_plus_two", {"version": 3}, ("NOT_FOUND", "Servable not found for request: Specific(half_plus_two, 3)")),
        ("half_plus_two", {"label": "no"}, ("INVALID_ARGUMENT", "Unrecognized servable version label: no")),
        ("no", {"label": "stable"}, ("INVALID_ARGUMENT", "Unrecognized servable version label: stable")),
    ],
)
def test_what_is_not_there_is_refused(prediction, predict_request, refusal, name, spec, refused):
    assert refusal(prediction.Predict, predict_request({"x": [1.0]}, name, **spec)) == refused


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("no", 404, "Servable not found for request: Latest(no)"),
        ("no/versions/3", 404, "Servable not found for request: Specific(no, 3)"),
        ("half_plus_two/versions/3", 404, "Servable not found for request: Specific(half_plus_two, 3)"),
        ("half_plus_two/labels/no", 400, "Unrecognized servable version label: no"),
        ("no/labels/stable", 400, "Unrecognized servable version label: stable"),
    ],
)
def test_rest_refuses_in_the_same_words(rest, path, status, message):
    response = rest.post(f"/v1/models/{path}:predict", content=b'{"instances": [1.0]}')

    assert (response.status_code, response.json()["error"]) == (status, message)


@pytest.mark.parametrize(
    "path",
    ["half_plus_two/labels/stable", "half_plus_two/labels/a%20b", "half%5fplus_two", "half_plus_two/versions/01"],
)
def test_rest_decodes_names_and_labels(rest, path):
    response = rest.post(f"/v1/models/{path}:predict", content=b'{"instances": [1.0]}')

    assert response.json() == {"predictions": [2.5]}
