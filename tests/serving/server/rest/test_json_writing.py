"""The answers' text: numbers as C's printf gives them, and the layout of rapidjson's PrettyWriter."""

from __future__ import annotations

import json

import numpy as np
import pytest

from serving.server.rest.json_writing import column_answer, error_answer, number_texts, row_answer, shown
from serving.server.status import StatusError


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (9000000, "9e+06"),
        (16777216, "16777216.0"),
        (3.14159274, "3.14159274"),
        (1435774336, "1.43577434e+09"),
        (2.5, "2.5"),
        (3, "3.0"),
        (-0.0, "-0.0"),
        (np.nan, "NaN"),
        (np.inf, "Infinity"),
        (-np.inf, "-Infinity"),
    ],
)
def test_a_float_is_the_shortest_of_two_formats_that_reads_back_equal(number, text):
    assert number_texts(np.array([number], np.float32)) == [text]


def test_a_double_keeps_17_digits():
    assert number_texts(np.array([1 / 3, 0.5])) == ["0.33333333333333331", "0.5"]


def test_one_output_in_rows_is_a_list_on_one_line():
    assert row_answer({"y": np.array([2.5, 3, 4.5], np.float32)}) == '{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'


def test_one_output_in_a_column_has_a_line_for_each_value():
    expected = '{\n    "outputs": [\n        2.5,\n        3.0\n    ]\n}'

    assert column_answer({"y": np.array([2.5, 3], np.float32)}) == expected


def test_several_outputs_in_rows_are_objects():
    outputs = {"a": np.array([[1, 2], [3, 4]]), "b": np.array([True, False])}

    answer = json.loads(row_answer(outputs))

    assert answer == {"predictions": [{"a": [1, 2], "b": True}, {"a": [3, 4], "b": False}]}


def test_several_outputs_in_columns_may_have_any_shapes():
    outputs = {"a": np.array(1.5, np.float32), "b": np.zeros((0, 2)), "c": np.array([[1], [2]])}

    assert json.loads(column_answer(outputs)) == {"outputs": {"a": 1.5, "b": [], "c": [[1], [2]]}}


def test_no_rows_are_an_empty_list():
    assert json.loads(row_answer({"y": np.zeros(0, np.float32)})) == {"predictions": []}


def test_strings_are_text_unless_the_name_ends_in_bytes():
    words = np.array([b'say "hi"\n\x01/', b"\xff"], dtype=object)

    assert '"say \\"hi\\"\\n\\u0001/"' in row_answer({"word": words})
    assert json.loads(row_answer({"word_bytes": words[1:]})) == {"predictions": [{"b64": "/w=="}]}


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"y": np.array(1.0)}, "Tensor name: y has no shape information "),
        ({"a": np.zeros(2), "b": np.zeros(4)}, "Tensor name: b has inconsistent batch size: 4 expecting: 2"),
        ({"y": np.zeros(2, np.complex64)}, "Failed to write JSON value for tensor type: complex64"),
        ({"y": np.zeros(2, np.float16)}, "Failed to write JSON value for tensor type: half"),
        ({}, "Cannot convert empty tensor map to JSON"),
    ],
)
def test_outputs_that_rows_cannot_hold_are_refused(outputs, message):
    with pytest.raises(StatusError) as caught:
        row_answer(outputs)

    assert caught.value.message == message


def test_an_error_is_an_object():
    assert error_answer('no "x"') == '{\n    "error": "no \\"x\\""\n}'


def test_a_value_is_shown_on_one_line_and_cut():
    assert shown([1, [2.5, "a"], None, True]) == '[1, [2.5, "a"], null, true]'
    assert shown({"a": {"b": 1}}) == '{\n    "a": {\n        "b": 1\n    }\n}'
    assert len(shown(list(range(100_000)))) == 256
