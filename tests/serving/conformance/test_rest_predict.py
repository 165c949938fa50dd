"""Section 8: REST predict, in rows and in columns. What each wrong body gets is in the codec's own tests too."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

WRAPPED = "Failed to process element: {} of 'instances' list. Error: INVALID_ARGUMENT: "


@pytest.fixture
def ask(rest):
    """Return a function that posts a body."""

    def post(body: object, signature: str = "", model: str = "zoo", **options):
        if isinstance(body, dict) and signature:
            body = {"signature_name": signature, **body}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return rest.post(f"/v1/models/{model}:predict", content=content, **options)

    return post


def test_rows_and_columns_word_for_word(ask):
    rows = ask({"instances": [1.0, 2.0, 5.0]}, model="half_plus_two")
    columns = ask({"inputs": [1.0, 2.0]}, model="half_plus_two")

    assert rows.text == '{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'
    assert columns.text == '{\n    "outputs": [\n        2.5,\n        3.0\n    ]\n}'


def test_rows_may_name_their_one_input(ask):
    assert ask({"instances": [{"x": 1.0}, {"x": 2.0}]}, model="half_plus_two").json() == {"predictions": [2.5, 3.0]}


def test_an_empty_signature_name_is_the_default(ask):
    body = {"signature_name": "", "instances": [1.0]}

    assert ask(body, model="half_plus_two").json() == {"predictions": [2.5]}


def test_several_inputs_and_outputs_go_by_name(ask):
    body = {"instances": [{"size": 1e9, "color": "red"}, {"color": "blue", "size": -1e9}]}

    assert ask(body, "table").json() == {
        "predictions": [
            {"word": "red!", "sure": 1.0, "both": [0.0, 1.0]},
            {"word": "blue!", "sure": 0.0, "both": [1.0, 0.0]},
        ]
    }


def test_columns_may_differ_in_size_and_have_too_many_names(ask):
    answer = ask({"inputs": {"size": [1e9], "color": ["a", "b"], "more": [1]}}, "table")

    assert answer.json() == {"outputs": {"word": ["a!", "b!"], "sure": [1.0], "both": [[0.0, 1.0]]}}


def test_a_bare_scalar_is_a_column(ask):
    assert ask({"inputs": 3}, "float32").json() == {"outputs": 3.0}
    assert ask({"inputs": {"v": 3}}, "float32").json() == {"outputs": 3.0}


def test_bytes_go_in_and_out_as_base64(ask):
    picture = base64.b64encode(b"\x89PNG\x00\xff").decode()

    answer = ask({"instances": [{"b64": picture}, {"image_bytes": {"b64": picture}}][:1]}, "echo")

    assert answer.json() == {"predictions": [{"copy_bytes": {"b64": picture}, "length": 6}]}


def test_an_output_of_one_scalar_has_no_rows(ask):
    refused = ask({"instances": [1.0]}, "total")

    assert (refused.status_code, refused.json()["error"]) == (400, "Tensor name: sum has no shape information ")
    assert ask({"inputs": [1.0, 2.0]}, "total").json() == {"outputs": 3.0}


def test_outputs_of_different_sizes_have_no_rows(ask):
    refused = ask({"instances": [1.0, 2.0]}, "uneven").json()["error"]

    assert refused in (
        "Tensor name: b has inconsistent batch size: 4 expecting: 2",
        "Tensor name: a has inconsistent batch size: 2 expecting: 4",
    )
    assert ask({"inputs": [1.0]}, "uneven").json() == {"outputs": {"a": [1.0], "b": [1.0, 1.0]}}


@pytest.mark.parametrize(
    ("kind", "given", "text"),
    [
        ("float32", b"1", "1.0"),
        ("float32", b"9000000", "9e+06"),
        ("float32", b"16777216", "16777216.0"),
        ("float32", b"3.14159274", "3.14159274"),
        ("float32", b"1435774336", "1.43577434e+09"),
        ("float32", b"-0.0", "-0.0"),
        ("float32", b"1e300", "Infinity"),
        ("float32", b"1e-300", "0.0"),
        ("float32", b"NaN", "NaN"),
        ("float32", b"-Inf", "-Infinity"),
        ("float64", b"0.333333333333333333", "0.33333333333333331"),
        ("float64", b"18446744073709551617", "1.8446744073709552e+19"),
        ("int8", b"300", "44"),
        ("uint8", b"-1", "255"),
        ("int32", b"-2147483648", "-2147483648"),
        ("int64", b"9223372036854775807", "9223372036854775807"),
        ("uint32", b"4294967295", "4294967295"),
        ("uint64", b"18446744073709551615", "18446744073709551615"),
        ("bool", b"true", "true"),
        ("string", b'"a\\"\\u0001/\\u00e9"', '"a\\"\\u0001/\u00e9"'),
    ],
)
def test_values_of_every_type(ask, kind, given, text):
    body = b'{"signature_name": "%s", "inputs": [%s]}' % (kind.encode(), given)

    assert ask(body).text == f'{{\n    "outputs": [\n        {text}\n    ]\n}}'


@pytest.mark.parametrize(
    ("kind", "given", "shown", "type_name", "expected"),
    [
        ("float32", '"a"', '"a"', "String", "float"),
        ("float32", "true", "true", "True", "float"),
        ("float32", "null", "null", "Null", "float"),
        ("int32", "1.5", "1.5", "Number", "int32"),
        ("int32", "2147483648", "2147483648", "Number", "int32"),
        ("int64", "9223372036854775808", "9223372036854775808", "Number", "int64"),
        ("uint64", "-1", "-1", "Number", "uint64"),
        ("bool", "1", "1", "Number", "bool"),
        ("string", "1", "1", "Number", "string"),
    ],
)
def test_values_of_the_wrong_type(ask, kind, given, shown, type_name, expected):
    message = f"JSON Value: {shown} Type: {type_name} is not of expected type: {expected}"
    columns = ask(f'{{"signature_name": "{kind}", "inputs": [{given}]}}'.encode())
    rows = ask(f'{{"signature_name": "{kind}", "instances": [{given}]}}'.encode())

    assert (columns.status_code, columns.json()["error"]) == (400, message)
    assert (rows.status_code, rows.json()["error"]) == (400, WRAPPED.format(0) + message)


def test_types_that_json_has_no_form_for(ask):
    columns, rows = ask({"inputs": [1.0]}, "float16"), ask({"instances": [1.0]}, "float16")

    message = "Conversion of JSON Value: 1.0 to type: half"
    assert (columns.status_code, columns.json()["error"]) == (501, message)
    assert rows.status_code == 400
    assert rows.json()["error"].endswith(message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"[", "JSON Parse error: Invalid value. at offset: 1"),
        (b'{"instances": [1.0}', "JSON Parse error: Missing a comma or ] after an array element. at offset: 18"),
        (b"[1]", "JSON Value: [1] Is not object"),
        (b"{}", "Missing 'inputs' or 'instances' key"),
        (
            b'{"signature_name": 1, "instances": [1]}',
            'JSON Value: {\n    "signature_name": 1,\n    "instances": [1]\n} not formatted correctly. '
            "'signature_name' key must be a string value.",
        ),
        (b'{"signature_name": "no"}', 'Serving signature name: "no" not found in signature def'),
        (b'{"instances": 1}', "JSON Value: {\n    \"instances\": 1\n} Expecting 'instances' to be an list/array"),
        (b'{"instances": []}', "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"),
        (b'{"instances": [1, {"x": 1}]}', "Expecting value/list but got object at item 1 of input list"),
        (b'{"instances": [{"x": 1}, 1]}', "Expecting object but got list at item 1 of input list"),
        (
            b'{"instances": [{"z": 1}]}',
            "Failed to process element: 0 key: z of 'instances' list. Error: "
            "INVALID_ARGUMENT: JSON object: does not have named input: z",
        ),
        (b'{"instances": [[1, 2], [3]]}', WRAPPED.format(1) + "Expecting tensor size: 2 but got: 1"),
        (b'{"instances": [[1, 2], [[3, 4]]]}', WRAPPED.format(1) + "Expecting shape [2] but got: [1,2]"),
        (
            b'{"instances": [[[1, 2], [3]]]}',
            WRAPPED.format(0) + "Encountered list at unexpected size: 1 at level: 1 expected size: 2",
        ),
        (b'{"inputs": {"z": [1]}}', "Missing named input: x in 'inputs' object."),
        (
            b'{"inputs": {"b64": "YQ=="}}',
            'JSON Value: {\n    "b64": "YQ=="\n} Type: Object is not of expected type: float',
        ),
    ],
)
def test_bodies_that_do_not_fit(ask, body, message):
    response = ask(body, model="half_plus_two")

    assert (response.status_code, response.json()["error"]) == (400, message)


def test_json_is_looked_at_before_the_model_and_the_model_before_the_rest(ask):
    assert ask(b"[", model="no").status_code == 400
    assert ask(b"{}", model="no").status_code == 404


def test_a_signature_without_inputs_has_no_rest(ask):
    refused = ask({"inputs": []}, "constant")

    assert (refused.status_code, refused.json()["error"]) == (400, "Failed to get input map for signature: constant")


def test_the_dialect_of_rapidjson(ask):
    assert ask(b'\xef\xbb\xbf{"instances": [1.0]} and more', model="half_plus_two").json() == {"predictions": [2.5]}
    assert ask(b'{"instances": [1.0], "instances": ["x"]}', model="half_plus_two").json() == {"predictions": [2.5]}


def test_strings_that_are_no_utf8_come_back_as_they_went(ask):
    answer = ask(b'{"signature_name": "string", "inputs": ["\xff\xfe"]}')

    assert answer.content == b'{\n    "outputs": [\n        "\xff\xfe"\n    ]\n}'


def test_gzipped_bodies_are_read(ask):
    body, headers = gzip.compress(b'{"instances": [1.0]}'), {"Content-Encoding": "gzip"}

    assert ask(body, model="half_plus_two", headers=headers).json() == {"predictions": [2.5]}
    refused = ask(b"no gzip", model="half_plus_two", headers=headers)
    assert refused.json()["error"] == "JSON Parse error: The document is empty"


def test_complex_outputs_cannot_be_written(ask, rest):
    assert ask({"inputs": [1.0]}, "complex64").status_code == 501


def test_a_graph_error_has_its_code(ask):
    response = ask({"instances": [[1.0, 2.0]]}, "matrix")

    assert response.status_code == 400
    assert response.json()["error"].startswith("Matrix size-incompatible: In[0]: [1,2], In[1]: [3,1]")


def test_many_rows_come_back_in_order(ask):
    rows = [float(number) for number in range(20_000)]

    assert ask({"instances": rows}, model="half_plus_two").json()["predictions"] == [row / 2 + 2 for row in rows]


def test_defaults_are_not_used_over_rest(ask):
    assert ask({"inputs": {"x": [1.0]}}, "added").json()["error"] == "Missing named input: y in 'inputs' object."
