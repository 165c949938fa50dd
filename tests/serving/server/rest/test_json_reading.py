"""The JSON dialect, its errors and their offsets, after rapidjson's documentation and TensorFlow Serving's tests."""

from __future__ import annotations

import math

import pytest

from serving.server.rest.json_reading import read_json
from serving.server.status import Code, StatusError


@pytest.mark.parametrize("text", ["Inf", "Infinity"])
def test_infinities_are_numbers_in_both_spellings(text):
    assert read_json(f'{{"x": [{text}, -{text}, 1]}}'.encode()) == {"x": [math.inf, -math.inf, 1]}


def test_inf_in_a_string_stays_a_string():
    assert read_json(b'["Inf", Inf, "a\\"Inf"]') == ["Inf", math.inf, 'a"Inf']


def test_nan_is_a_number():
    assert math.isnan(read_json(b"[NaN]")[0])


def test_what_follows_the_value_is_ignored():
    assert read_json(b'{"a": 1} and more') == {"a": 1}


def test_a_byte_order_mark_is_ignored():
    assert read_json(b"\xef\xbb\xbf[1]") == [1]


def test_the_first_of_two_equal_keys_wins():
    assert read_json(b'{"a": 1, "a": 2, "b": 3}') == {"a": 1, "b": 3}


def test_whole_numbers_are_integers_and_the_rest_are_not():
    values = read_json(b"[1, 1.0, 1e0, 18446744073709551615]")

    assert [type(value) for value in values] == [int, float, float, int]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"  ", "JSON Parse error: The document is empty. at offset: 2"),
        (b"nope", "JSON Parse error: Invalid value. at offset: 0"),
        (b"[1,]", "JSON Parse error: Invalid value. at offset: 3"),
        (b"[1 2]", "JSON Parse error: Missing a comma or ] after an array element. at offset: 3"),
        (b"[1", "JSON Parse error: Missing a comma or ] after an array element. at offset: 2"),
        (b"[01]", "JSON Parse error: Missing a comma or ] after an array element. at offset: 2"),
        (b'{"a": [1] "b"}', "JSON Parse error: Missing a comma or } after an object member. at offset: 10"),
        (b'{"a" 1}', "JSON Parse error: Missing a colon after a name of object member. at offset: 5"),
        (b"{1: 2}", "JSON Parse error: Missing a name for object member. at offset: 1"),
        (b'["abc', "JSON Parse error: Missing a closing quotation mark in string. at offset: 5"),
        (b'["\\x"]', "JSON Parse error: Invalid escape character in string. at offset: 2"),
        (b"[1.]", "JSON Parse error: Miss fraction part in number. at offset: 3"),
        (b"[1e999]", "JSON Parse error: Number too big to be stored in double. at offset: 1"),
        (b'["\\ud800"]', "JSON Parse error: The surrogate pair in string is invalid. at offset: 2"),
    ],
)
def test_a_parse_error_names_the_problem_and_the_offset(body, message):
    with pytest.raises(StatusError) as caught:
        read_json(body)

    assert (caught.value.code, caught.value.message) == (Code.INVALID_ARGUMENT, message)


def test_offsets_count_bytes_not_characters():
    """The two letters before the error take two bytes each in UTF-8."""
    with pytest.raises(StatusError, match="at offset: 9"):
        read_json('["äö" 1]'.replace(" ", "  ").encode())


def test_deep_nesting_is_an_error_and_not_a_crash():
    with pytest.raises(StatusError):
        read_json(b"[" * 500_000)


def test_surrogate_pairs_are_letters():
    assert read_json(b'["\\ud83d\\ude00"]') == ["😀"]
