"""What the same trials would have cost on all data."""

from __future__ import annotations

import pytest

from components.tune.proof.cost import cost, of_proofs
from components.tune.result import ProofResult, Reranked


def proof(tried, *again: tuple[int, int, float], share: float = 1.0) -> ProofResult:
    known = {"place": "best", "on_slice": 1, "curve": [1], "value": 1, "cpu_seconds": 1}
    reranked = [Reranked(number=number, epochs=epochs, seconds=seconds, **known) for number, epochs, seconds in again]
    return ProofResult(
        share=share,
        num_examples=1000,
        epochs_compared=1,
        reranked=reranked,
        rho=None,
        tau=None,
        slices_own=0,
        winner=0,
        regret=0.0,
        enough=None,
        verdict="",
        seconds=sum(seconds for _, _, seconds in again),
        cpu_seconds=1,
    )


COUNTS = {"on_slice": (200, 30), "on_all": (1000, 30)}


def test_without_a_proof_the_numbers_of_examples_tell(tried):
    """Two trials of 4 and 1 of 4 epochs, a second each; an epoch of all data is (1000 + 10) / (200 + 10) times one."""
    trials = [tried(0, 4, 3, 2, 1), tried(1, 4, state="pruned")]

    found = cost(trials, None, seconds=6, cpu_seconds=9, epochs=4, **COUNTS)

    assert found.full_seconds == pytest.approx(8 * 1010 / 210, abs=1e-3)
    assert found.times_cheaper == pytest.approx(8 * 1010 / 210 / 5, abs=1e-3)
    assert (found.seconds, found.cpu_seconds, found.trials_seconds, found.proof_seconds) == (6, 9, 5, 0)


def test_with_a_proof_on_all_data_those_that_came_furthest_tell(tried):
    """Trials 0 and 1 took 4 s for an epoch, on the slice 1 s; that trial 2 took 9 s for its first tells nothing."""
    trials = [tried(0, 2, 1), tried(1, 3, 2), tried(2, 4, state="pruned")]

    found = cost(
        trials, proof(tried, (0, 2, 8.0), (1, 2, 8.0), (2, 1, 9.0)), seconds=30, cpu_seconds=30, epochs=2, **COUNTS
    )

    assert found.full_seconds == pytest.approx(3 * 2 * 4)
    assert found.proof_seconds == 25
    assert found.times_cheaper == pytest.approx(24 / 30)


def test_a_proof_on_a_part_of_the_data_does_not_tell(tried):
    found = cost([tried(0, 1)], proof(tried, (0, 1, 3.0), share=0.5), seconds=1, cpu_seconds=1, epochs=1, **COUNTS)

    assert found.full_seconds == pytest.approx(1010 / 210, abs=1e-3)


def test_a_trial_that_failed_would_have_failed_there_too(tried):
    failed = tried(1, state="failed").model_copy(update={"seconds": 7.0})

    found = cost([tried(0, 1), failed], None, seconds=8, cpu_seconds=8, epochs=1, on_slice=(10, 0), on_all=(20, 0))

    assert found.full_seconds == pytest.approx(2 + 7)


def test_on_several_folds_each_trial_would_have_had_all_epochs_on_each(tried):
    """Two epochs on each of 3 folds took 6 s; an epoch of all data is (1000 + 10) / (200 + 10) times as long."""
    trial = tried(0, 1).model_copy(update={"epochs": 6, "seconds": 6.0})

    found = cost([trial], None, seconds=6, cpu_seconds=6, epochs=2, num_folds=3, **COUNTS)

    assert found.full_seconds == pytest.approx(6 * 1010 / 210, abs=1e-3)


def test_what_a_later_proof_remembers_counts_once(tried):
    """Trial 0 of 5 s stands in both proofs, under another number; one that failed in the first took 2 s more."""
    first = proof(tried, (0, 2, 5.0), (1, 1, 3.0))
    first = first.model_copy(update={"seconds": 10.0, "cpu_seconds": 4.0, "failed": {2: "it diverged"}})
    second = proof(tried, (1, 2, 5.0), (0, 1, 4.0)).model_copy(update={"cpu_seconds": 2.0})
    named = {name: {"hyperparameters": {"units": name}} for name in (1, 2, 3)}
    trials, more = [tried(0, 1), tried(1, 2), tried(2, 3)], [tried(0, 4), tried(1, 1)]
    trials = [trial.model_copy(update=named[units]) for trial, units in zip(trials, (1, 2, 3), strict=True)]
    more = [trial.model_copy(update=named[units]) for trial, units in zip(more, (3, 1), strict=True)]

    assert of_proofs([(trials, first), (more, second)]) == pytest.approx((5 + 3 + 4 + 2, 3 + 2))
