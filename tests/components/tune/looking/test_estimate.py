"""What a tuning will take, before it begins."""

from __future__ import annotations

import pytest

from components.tune.looking.estimate import Work, estimate, planned
from estafet.runfile.tune import Tune

EIGHT = {"best": 5, "middle": 3}
SEARCH, PROOF = Work(40, 8, 20_000), Work(8, 2, 100_000)


def test_the_estimate_multiplies_trials_epochs_and_examples():
    """6.4 million example-epochs of 50 µs are 320 s; 1.6 million of the proof are 80 s more."""
    said = estimate(SEARCH, PROOF, seconds_per_example_epoch=50e-6)

    assert said == (
        "about 7 min, or less with pruning: 40 trials × 8 epochs × 20,000 examples, and 8 again × 2 epochs × 100,000"
    )


def test_workers_divide_the_trials_among_them():
    """40 trials of 8 s in rounds of 6 are 7 rounds; the proof's 80 s are those of one process."""
    assert estimate(SEARCH, None, seconds_per_example_epoch=50e-6, workers=6).startswith("about 56 s,")
    assert estimate(SEARCH, PROOF, seconds_per_example_epoch=50e-6, workers=6).startswith("about 2 min,")
    assert estimate(SEARCH, PROOF, seconds_per_example_epoch=100e-6, workers=6).startswith("about 5 min,")


def test_hours_that_are_too_few_say_how_many_trials_fit():
    """A trial takes 160 s: 22 fit into an hour, 44 with two workers, of which there are only 40."""
    slow = 1e-3

    assert estimate(SEARCH, PROOF, seconds_per_example_epoch=slow, hours=1).startswith(
        "about 22 of 40 trials fit into 1 h"
    )
    assert estimate(SEARCH, None, seconds_per_example_epoch=slow, hours=1, workers=2).startswith("about 53 min")
    assert estimate(SEARCH, None, seconds_per_example_epoch=slow, hours=0.01).startswith("about 1 of 40 trials fit")


@pytest.mark.parametrize(
    ("tune", "said"),
    [
        ({}, "12 trials × 5 epochs on 20 %, then 8 again on all data"),
        (
            {"trials": 40, "epochs": 1, "hours": 2, "workers": 3, "subsample": {"share": 0.1, "by": "newest"}},
            "up to 40 trials × 1 epoch on 10 % (newest), 3 at once, for 2 h at most, then 8 again on all data",
        ),
        ({"subsample": 1.0}, "12 trials × 5 epochs on all data"),
        ({"subsample": 0.5, "proof": {"share": 0.5}}, "12 trials × 5 epochs on 50 %"),
        ({"proof": False}, "12 trials × 5 epochs on 20 %"),
        ({"trials": 3, "proof": {"share": 0.5}}, "3 trials × 5 epochs on 20 %, then 3 again on 50 %"),
        (
            {"subsample": "auto", "rungs": [{"share": 0.25, "epochs": 2}, {"epochs": 6}]},
            "12 trials × (2 on 25 % + 6 on 100 %) epochs on a share that grows until it is enough, then 8 again on all "
            "data",
        ),
    ],
)  # fmt: skip
def test_the_plan_says_what_the_run_file_asks_for(tune, said):
    assert planned(Tune.model_validate({"proof": EIGHT, **tune})) == said
