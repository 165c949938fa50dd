"""The fast reader gives what the exact one gives, for whatever it is fed."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.server.rest import json_fast
from serving.server.rest.json_reading import read_json
from serving.server.status import StatusError

SCALARS = st.none() | st.booleans() | st.integers(-(2**66), 2**66) | st.floats() | st.text(max_size=4)
KEYS = st.sampled_from(["a", "b", "instances"])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3))
PIECES = st.sampled_from(
    ["{", "}", "[", "]", ",", ":", '"a"', '"b"', '"', "\\", "1", "-", ".", "e9", "NaN", "Inf", " "]
)


def read(reader, body: bytes) -> object:
    try:
        return ("value", reader(body))
    except StatusError as error:
        return ("error", error.code, error.message)


def same(a: object, b: object) -> bool:
    """Whether two values are equal, of equal types, with NaN equal to itself."""
    if isinstance(a, tuple | list) and type(a) is type(b):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or a == b
    return type(a) is type(b) and a == b


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.dictionaries(KEYS, VALUES, max_size=3))
def test_whole_documents_are_read_alike(document):
    body = json.dumps(document).encode()

    assert same(read(json_fast.read, body), read(read_json, body))


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_broken_documents_are_refused_alike(text):
    for body in (text.encode(), b'{"a": ' + text.encode() + b"}"):
        assert same(read(json_fast.read, body), read(read_json, body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 2}',
        b'{"instances": [{"x": 1, "x": 2}]}',
        b'{"instances": [[1], [{"x": 1, "x": "\\""}]]}',
        b'{"a": "\\"", "b": 1, "b": 2}',
        b'{"a": [1, "b", {"c": 1, "c": 2}]}',
        b'{"a": {"b": {"c": 1, "c": 2}}}',
    ],
)
def test_the_first_of_equal_keys_wins_at_any_depth(body):
    assert json_fast.read(body) == read_json(body) != msgspec.json.decode(body)


def test_plain_numbers_do_not_need_the_exact_reader(monkeypatch):
    monkeypatch.setattr(json_fast, "read_json", lambda body: pytest.fail("the exact reader was asked"))

    assert json_fast.read(b'{"instances": [[1, 2.5], [3, 4]]}') == {"instances": [[1, 2.5], [3, 4]]}
    assert json_fast.read(b'{"inputs": {"a": ["x", "y"], "b": 1}}') == {"inputs": {"a": ["x", "y"], "b": 1}}
    rows = b'{"signature_name": "s", "instances": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}'
    assert json_fast.read(rows)["instances"][1] == {"a": 2, "b": "y"}
