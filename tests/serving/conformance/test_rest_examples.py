"""Section 9: REST classify and regress."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def ask(rest):
    """Return a function that posts to a verb."""

    def post(verb: str, body: object, model: str = "half_plus_two"):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return rest.post(f"/v1/models/{model}:{verb}", content=content)

    return post


def test_regress_word_for_word(ask):
    response = ask("regress", {"signature_name": "regress_x_to_y", "examples": [{"x": 2.0}, {"x": [5.0]}]})

    assert response.text == '{\n    "results": [3.0, 4.5]\n}'


def test_classify_word_for_word(ask):
    response = ask("classify", {"signature_name": "classify_words", "examples": [{"x": 2.0}, {"x": 5.0}]})

    assert response.text == '{\n    "results": [[["3.0", 3.0]], [["4.5", 4.5]]\n    ]\n}'


def test_the_context_is_merged(ask):
    body = {"signature_name": "regress_x_to_y", "context": {"x": 10.0}, "examples": [{}, {"x": 2.0}]}

    assert ask("regress", body).json() == {"results": [7.0, 3.0]}


def test_whole_numbers_are_integer_features(ask):
    response = ask("regress", {"signature_name": "regress_x_to_y", "examples": [{"x": 2}]})

    assert response.status_code == 400
    assert "Data types don't match" in response.json()["error"]


@pytest.mark.parametrize("verb", ["classify", "regress"])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[", "JSON Parse error: Invalid value. at offset: 1"),
        (
            b"{}",
            "JSON Value: {} When method is classify, key 'examples' is expected and was not found",
        ),
        (
            b'{"examples": 1}',
            "JSON Value: {\n    \"examples\": 1\n} Expecting 'examples' value to be an list/array",
        ),
        (b'{"examples": []}', "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array"),
        (b'{"examples": [[]]}', "Example must be JSON object but got JSON Array"),
        (b'{"context": 1, "examples": [{}]}', "Example must be JSON object but got JSON Number"),
        (b'{"examples": [{"a": [1, 2.0]}]}', "Unexpected element type in feature: a expecting type: int64"),
        (b'{"examples": [{"a": ["x", 2.0]}]}', "Unexpected element type in feature: a expecting type: bytes"),
        (b'{"examples": [{"a": [2.0, true]}]}', "Unexpected element type in feature: a expecting type: float"),
        (b'{"examples": [{"a": null}]}', "Feature: a has element with unexpected JSON type: Null"),
        (b'{"examples": [{"a": [[1]]}]}', "Feature: a has element with unexpected JSON type: Array"),
        (b'{"examples": [{"a": {"c": 1}}]}', "Feature: a has element with unexpected JSON type: Object"),
        (
            b'{"examples": [{"a": 9223372036854775808}]}',
            "Feature: a has uint64_t element. Only int64_t is supported.",
        ),
        (b'{"examples": [{"a": {"b64": "*"}}]}', "Unable to base64 decode"),
    ],
)
def test_json_errors_come_before_the_model(ask, verb, body, message):
    response = ask(verb, body, model="no")

    assert (response.status_code, response.json()["error"]) == (400, message)


def test_then_the_model_and_the_signature(ask):
    assert ask("classify", {"examples": [{}]}, model="no").status_code == 404
    refused = ask("classify", {"signature_name": "no", "examples": [{}]})
    assert (refused.status_code, refused.json()["error"]) == (400, "No signature was found with the name: no")
