"""A search in words: the line in the table, and the sentences of the page."""

from __future__ import annotations

import pytest

from components.tune.looking import words
from components.tune.result import Cost


def test_the_summary_says_how_much_was_tried_found_and_saved(proved):
    assert words.summary(proved) == (
        "12 trials (2 pruned, 1 failed) on 20 % · best validation rmse 0.4 · ρ 0.91 [0.78, 0.97] · "
        "11× cheaper than on all data"
    )


def test_the_best_value_is_that_of_more_data_where_there_was_a_proof(proved):
    """The winner reached 0.42 on the slice and 0.4 on all data."""
    assert "rmse 0.4 ·" in words.summary(proved)
    assert "rmse 0.42 ·" in words.summary(proved.model_copy(update={"proof": None}))


def test_a_summary_without_proof_and_savings_says_nothing_of_them(make):
    nothing_saved = Cost(
        seconds=9,
        cpu_seconds=9,
        trials_seconds=9,
        proof_seconds=0,
        full_seconds=9.2,
        times_cheaper=1.02,
        is_measured=True,
    )
    found = make.study([make.trial(0, 0.5)], share=1.0, cost=nothing_saved, num_folds=3)

    assert words.summary(found) == "1 trial on 100 % · best validation rmse 0.5 over 3 folds"


def test_of_a_front_the_summary_names_every_objective(make):
    chosen = make.trial(0, 0.5, metrics={"log_loss": 0.5, "latency_ms": 2.25})
    found = make.study([chosen], objectives={"log_loss": "minimise", "latency_ms": "minimise"})

    assert "best validation log loss 0.5, latency ms 2.25" in words.summary(found)


def test_what_it_cost_is_told_beside_what_all_data_would_have(proved):
    assert words.cost(proved) == (
        "All took 2 min: 2 min of trials. The same trials, each with all of its epochs on all data, would have taken "
        "18 min, 11× as much. That is an estimate from what the trials took."
    )


def test_the_proof_says_who_was_trained_again(proved):
    assert words.proof(proved) == "Trained again were the 5 best on the slice and 2 from the rest, on 5,000 examples."
    early = [proved.proof.reranked[0].model_copy(update={"epochs": 1}), *proved.proof.reranked[1:]]
    ended = proved.model_copy(update={"proof": proved.proof.model_copy(update={"reranked": early})})
    assert words.proof(ended).endswith("any two are compared after the last epoch that both reached.")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (8.34, "8.3 s"), (45, "45 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (5400, "1.5 h"),
     (36 * 3600, "36.0 h"), (60 * 3600, "2.5 days")],
)  # fmt: skip
def test_a_time_has_the_unit_that_it_is_read_in(seconds, said):
    assert words.took(seconds) == said


@pytest.mark.parametrize(("ratio", "said"), [(1.06, "1.1×"), (9.94, "9.9×"), (9.96, "10×"), (1234.5, "1,234×")])
def test_a_ratio_has_two_digits(ratio, said):
    assert words.times(ratio) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [("trial 5 won", "Trial 5 won."), ("Done.", "Done."), ("learning_rate is low", "learning_rate is low.")],
)
def test_words_become_a_sentence_but_a_name_stays_as_it_is(text, said):
    assert words.sentence(text) == said


def test_a_constraint_that_is_kept_is_not_broken(make):
    trial = make.trial(0, 0.5, violations={"latency_ms <= 5": 0.25, "size_mb <= 1": -0.5})

    assert words.broken(trial) == "latency_ms <= 5 (by 0.25)"


def test_what_no_proof_has_measured_is_not_claimed(make):
    """The numbers of examples alone promise eleven times; on the page it says by what, in the table nothing."""
    told = Cost(
        seconds=9,
        cpu_seconds=9,
        trials_seconds=9,
        proof_seconds=0,
        full_seconds=99,
        times_cheaper=11,
        is_measured=False,
    )
    found = make.study([make.trial(0, 0.5)], cost=told)

    assert "cheaper" not in words.summary(found)
    assert "No proof on all data has measured it" in words.cost(found)
