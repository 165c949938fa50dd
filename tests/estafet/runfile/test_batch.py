"""The batch section: its short forms, and what does not fit together."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from estafet.runfile.batch import AUTO_LIMIT, Batch
from estafet.runfile.reference import json_schema
from estafet.runfile.train import Train


@pytest.mark.parametrize("size", [64, 64.0])
def test_one_number_is_one_size_throughout(size):
    batch = Train(batch=size).batch

    assert (batch.start, batch.limit, batch.is_fixed) == (64, 64, True)


def test_auto_has_room_to_grow_unless_a_limit_is_given():
    assert Train(batch="auto").batch == Batch(when="auto", limit=AUTO_LIMIT)
    assert Train(batch={"when": "auto", "limit": 128}).batch.limit == 128
    assert not Train(batch="auto").batch.is_fixed


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ({"start": 300}, r"start must not exceed limit \(300 > 256\)"),
        ({"growth": 1}, "greater than 1"),
        ({"growth": 0.5}, "greater than 1"),
        (0, "greater than or equal to 1"),
        ("fast", "a size, auto, or keys"),
        (True, "valid dictionary"),
        ({"at": [3, 2]}, "at must rise"),
        ({"at": [0.5, 3]}, "either epochs or shares"),
        ({"at": [1.5]}, "whole numbers of epochs"),
        ({"at": [0.5], "every_epochs": 2}, "either at or every_epochs"),
        ({"when": "noise", "every_epochs": 2}, "for when: epochs"),
        ({"when": "auto", "growth": 4}, "with auto, growth is chosen"),
        ({"when": "sometimes"}, "'epochs', 'plateau', 'noise' or 'auto'"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(batch, words):
    with pytest.raises(ValidationError, match=words):
        Train(batch=batch)


def test_editors_are_told_of_the_short_forms():
    short = json_schema()["$defs"]["Batch"]["anyOf"]

    assert short[:2] == [{"const": "auto"}, {"type": "integer", "minimum": 1}]
    assert set(short[2]["properties"]) == set(Batch.model_fields)
