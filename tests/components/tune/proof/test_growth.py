"""When the slice grows by itself, and what is tried again."""

from __future__ import annotations

import pytest

from components.tune.objective import Objective
from components.tune.proof.growth import FIRST_SHARE, grown
from components.tune.result import Interval, ProofResult, Reranked
from estafet.runfile.tasks import Task
from estafet.runfile.tune import Tune

OBJECTIVE = Objective.of(Tune(), Task.TABULAR_REGRESSION)


def proof(enough: bool | None, numbers=(), share: float = 1.0) -> ProofResult:
    again = {"place": "best", "on_slice": 1, "curve": [1], "value": 1, "epochs": 1, "seconds": 1, "cpu_seconds": 1}
    return ProofResult(
        share=share,
        num_examples=100,
        epochs_compared=1,
        reranked=[Reranked(number=number, **again) for number in numbers],
        rho=None if enough is None else Interval(value=0.7, low=0.6 if enough else 0.2, high=0.9),
        tau=None,
        slices_own=0,
        winner=0,
        regret=0.0,
        enough=enough,
        verdict="",
        seconds=1,
        cpu_seconds=1,
    )


def test_the_share_doubles_until_it_would_be_all_data():
    shares = [FIRST_SHARE]
    while found := grown(shares[-1], proof(False), [], OBJECTIVE):
        shares.append(found.share)

    assert shares == pytest.approx([0.1, 0.2, 0.4, 0.8])


def test_it_does_not_grow_to_what_it_is_compared_with():
    assert grown(0.2, proof(False, share=0.4), [], OBJECTIVE) is None


@pytest.mark.parametrize("enough", [True, None])
def test_it_stays_where_it_was_enough_or_cannot_be_told(enough):
    assert grown(0.1, proof(enough), [], OBJECTIVE) is None


def test_the_better_half_and_what_was_proved_are_tried_again_the_best_first(tried):
    """Of six that did not fail 0, 1 and 2 are the better half; 4 is known on more data."""
    trials = [tried(number, 1.0 + number) for number in (3, 1, 0, 2)]
    trials += [tried(4, 9.0, state="pruned"), tried(5, 8.0, state="pruned"), tried(6, state="failed")]

    found = grown(0.1, proof(False, numbers=[0, 4]), trials, OBJECTIVE)

    assert [point["x"] for point in found.points] == [0, 1, 2, 4]
    assert found.sentence == (
        "a slice of 10 % was too small (ρ from 0.20 to 0.90), so it grew to 20 %, and 4 of 7 trials were tried again"
    )
