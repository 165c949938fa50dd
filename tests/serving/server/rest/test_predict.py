"""Requests to `predict`, with TensorFlow Serving's words for each that does not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from serving.server.rest.predict import find_signature, parse
from serving.server.signature import Signature, TensorSpec
from serving.server.status import Code, StatusError


def spec(dtype: str) -> TensorSpec:
    return TensorSpec("t:0", dtype, (None,))


ONE = Signature({"x": spec("float")}, {"y": spec("float")})
TWO = Signature({"a": spec("int32"), "b": spec("string")}, {"y": spec("float")})


def feeds(body: object, signature: Signature = ONE) -> dict[str, np.ndarray]:
    return parse(json.dumps(body).encode()).feeds(signature)


def refusal(body: object, signature: Signature = ONE) -> str:
    with pytest.raises(StatusError) as caught:
        feeds(body, signature)
    return caught.value.message


def typed(dtype: str) -> Signature:
    return Signature({"x": spec(dtype)}, {"y": spec(dtype)})


@pytest.mark.parametrize("body", [{"instances": [1, 2.5]}, {"instances": [{"x": 1}, {"x": 2.5}]}, {"inputs": [1, 2.5]}])
def test_rows_objects_and_columns_feed_the_same(body):
    x = feeds(body)["x"]

    assert x.dtype == np.float32
    assert x.tolist() == [1.0, 2.5]


def test_rows_of_lists_get_a_batch_axis():
    assert feeds({"instances": [[[1, 2, 3]], [[4, 5, 6]]]})["x"].shape == (2, 1, 3)


def test_a_bare_scalar_in_a_column_has_no_axis():
    assert feeds({"inputs": 3})["x"].shape == ()


def test_several_inputs_come_by_name():
    found = feeds({"instances": [{"a": 1, "b": "x"}, {"b": {"b64": "/w"}, "a": 2}]}, TWO)

    assert found["a"].tolist() == [1, 2]
    assert found["b"].tolist() == [b"x", b"\xff"]


def test_extra_columns_are_ignored():
    assert sorted(feeds({"inputs": {"a": [1], "b": ["x"], "z": [0]}}, TWO)) == ["a", "b"]


def test_a_large_double_becomes_an_infinite_float():
    assert feeds({"instances": [1e300]})["x"].tolist() == [np.inf]


def test_narrow_integers_wrap_like_a_cast():
    """300 = 256 + 44."""
    assert feeds({"instances": [300]}, typed("uint8"))["x"].tolist() == [44]


def test_base64_objects_count_as_values():
    assert feeds({"instances": [{"b64": "aGk="}, {"b64": "a GU"}]}, typed("string"))["x"].tolist() == [b"hi", b"he"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Missing 'inputs' or 'instances' key"),
        (
            {"inputs": [1], "instances": [1]},
            'JSON Value: {\n    "inputs": [1],\n    "instances": [1]\n} Not formatted correctly expecting only one of '
            "'inputs' or 'instances' keys to exist ",
        ),
        (
            {"instances": 1},
            "JSON Value: {\n    \"instances\": 1\n} Expecting 'instances' to be an list/array",
        ),
        ({"instances": []}, "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"),
        (
            {"instances": [1, "a"]},
            "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: \"a\" Type: String "
            "is not of expected type: float",
        ),
        (
            {"instances": [1, True]},
            "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: true Type: True "
            "is not of expected type: float",
        ),
        (
            {"instances": [None]},
            "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: null Type: Null "
            "is not of expected type: float",
        ),
        ({"instances": [1, {"x": 1}]}, "Expecting value/list but got object at item 1 of input list"),
        ({"instances": [{"x": 1}, 1]}, "Expecting object but got list at item 1 of input list"),
        (
            {"instances": [[1, 2], [3]]},
            "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 2 but "
            "got: 1",
        ),
        (
            {"instances": [[1, 2], [[3, 4]]]},
            "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [2] but got: "
            "[1,2]",
        ),
        (
            {"instances": [[[1, 2], [3]]]},
            "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: Encountered list at unexpected "
            "size: 1 at level: 1 expected size: 2",
        ),
        (
            {"instances": [[1, [2]]]},
            "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: Encountered list at unexpected "
            "level: 1 expected < 1",
        ),
        (
            {"instances": [[[1], 3]]},
            "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: 3 found at "
            "incorrect level: 2 in the JSON DOM. Expected at level: 2",
        ),
        (
            {"instances": [{"z": 1}]},
            "Failed to process element: 0 key: z of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not "
            "have named input: z",
        ),
        ({"inputs": {"z": 1}}, "Missing named input: x in 'inputs' object."),
        ({"inputs": ["a"]}, 'JSON Value: "a" Type: String is not of expected type: float'),
    ],
)
def test_what_does_not_fit_one_input_is_named(body, message):
    assert refusal(body) == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"instances": [1]},
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map",
        ),
        (
            {"inputs": [1]},
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            "tensorinfo_map",
        ),
        (
            {"instances": [{"a": 1}]},
            "Failed to process element: 0 of 'instances' list. JSON object: {\n    \"a\": 1\n} "
            "keys must be equal to: a,b",
        ),
        (
            {"instances": [{"a": 1, "b": {"b64": "!"}}]},
            "Failed to process element: 0 key: b of 'instances' list. Error: INVALID_ARGUMENT: Unable to base64 decode",
        ),
        (
            {"inputs": {"a": [2**31], "b": ["x"]}},
            "JSON Value: 2147483648 Type: Number is not of expected type: int32",
        ),
        ({"inputs": {"a": [1.0], "b": ["x"]}}, "JSON Value: 1.0 Type: Number is not of expected type: int32"),
        (
            {"inputs": {"a": [1], "b": [{"b64": "aa", "c": 1}]}},
            'JSON Value: {\n    "b64": "aa",\n    "c": 1\n} not formatted correctly for base64 data',
        ),
        (
            {"inputs": {"a": [1], "b": [{"c": 1}]}},
            'JSON Value: {\n    "c": 1\n} Type: Object is not of expected type: string',
        ),
    ],
)
def test_what_does_not_fit_two_inputs_is_named(body, message):
    assert refusal(body, TWO) == message


def test_types_without_a_json_form_are_unimplemented_in_columns_and_invalid_in_rows():
    with pytest.raises(StatusError) as column:
        feeds({"inputs": [1.0]}, typed("half"))
    with pytest.raises(StatusError) as row:
        feeds({"instances": [1.0]}, typed("half"))

    assert (column.value.code, column.value.message) == (
        Code.UNIMPLEMENTED,
        "Conversion of JSON Value: 1.0 to type: half",
    )
    assert row.value.code == Code.INVALID_ARGUMENT


def test_a_body_must_be_an_object_and_the_signature_name_a_string():
    with pytest.raises(StatusError, match=r"JSON Value: \[1\] Is not object"):
        parse(b"[1]")
    with pytest.raises(StatusError, match="'signature_name' key must be a string value"):
        parse(b'{"signature_name": 1}')


def test_an_empty_signature_name_is_the_default():
    assert parse(b'{"signature_name": ""}').signature_name == "serving_default"


def test_a_signature_must_exist_and_take_inputs():
    with pytest.raises(StatusError, match='Serving signature name: "z" not found in signature def'):
        find_signature({}, "z")
    with pytest.raises(StatusError, match="Failed to get input map for signature: DEFAULT"):
        find_signature({"serving_default": Signature({}, {})}, "serving_default")
