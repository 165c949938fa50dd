"""What is said of the slice, and how regret is counted."""

from __future__ import annotations

import pytest

from components.tune.proof.verdict import Found, regret, verdict
from components.tune.result import Interval


@pytest.mark.parametrize(
    ("own", "winner", "maximised", "expected"),
    [
        (1.1, 1.0, False, 0.1),
        (0.9, 1.0, True, 0.1),
        (1.0, 1.0, True, 0.0),
        (-1.0, -2.0, False, 0.5),
        (3.0, 0.0, False, 1.0),
    ],
)
def test_regret_is_a_share_of_the_winners_value(own, winner, maximised, expected):
    assert regret(own, winner, maximised) == pytest.approx(expected)


def found(rho: Interval | None, slice_share: float = 0.2, share: float = 1.0, grows: bool = False) -> Found:
    return Found(8, rho, 0.0, 3, 3, slice_share, share, {}, grows)


@pytest.mark.parametrize(("low", "enough"), [(0.51, True), (0.5, False), (0.2, False)])
def test_the_interval_must_lie_above_one_half(low, enough):
    assert found(Interval(value=0.8, low=low, high=0.9)).enough is enough


def test_a_slice_that_is_as_large_as_the_proofs_share_is_not_what_to_enlarge():
    said = verdict(found(Interval(value=0.2, low=-0.4, high=0.4), slice_share=0.4, share=0.4))

    assert "write tune.proof.share higher" in said and "subsample" not in said


def test_no_more_than_the_proofs_share_is_advised():
    said = verdict(found(Interval(value=0.2, low=-0.4, high=0.4), slice_share=0.3, share=0.4))

    assert "tune.subsample.share: 0.4" in said


@pytest.mark.parametrize(
    ("slice_share", "high", "expected"),
    [
        (0.2, 0.4, "a slice of 20 % was too small; it grows to 40 % by itself while tune.hours last."),
        (
            0.2,
            0.9,
            "it grows to 40 % by itself while tune.hours last, or write tune.proof.middle higher, which narrows",
        ),
        (0.8, 0.4, "a slice of 80 % was too small; write tune.subsample.share: 1."),
    ],
)
def test_a_slice_that_grows_by_itself_is_not_told_to(slice_share, high, expected):
    said = verdict(found(Interval(value=0.2, low=-0.4, high=high), slice_share=slice_share, grows=True))

    assert expected in said and "auto" not in said
