"""Classes have one order, however they came."""

import itertools

import pytest

from components.ingest.labels import in_order


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["10", "9", "-1", "1e1"], ("-1", "9", "10", "1e1")),
        (["b", "10", "9"], ("10", "9", "b")),
        (["nan", "10", "9"], ("10", "9", "nan")),
    ],
)
def test_numbers_are_sorted_as_numbers_and_everything_else_as_text(names, expected):
    """Not a number is neither less nor more than any, so with it the others would stay in whatever order they came."""
    for given in itertools.permutations(names):
        assert in_order(given) == expected
