"""The proof, with a trainer whose curves are known."""

from __future__ import annotations

import pytest

from components.tune.objective import Objective
from components.tune.proof.proving import prove
from estafet.errors import Preempted
from estafet.files import read_json
from estafet.runfile.tasks import Task
from estafet.runfile.tune import Tune


@pytest.fixture
def proved(slices_of, tmp_path):
    """Return what proves trials with a trainer, by default of 12 epochs each: rungs at 1, 2 and 4."""

    def run(trials, trainer, complete=dict, task=Task.TABULAR_REGRESSION, **tune):
        settings = Tune.model_validate({"epochs": 12, **tune})
        objective = Objective.of(settings, task)
        return prove(trials, objective, trainer, settings, slices_of, complete, folder=tmp_path)

    return run


def falling(x: float, share: float, epoch: int) -> float:
    """All data: the larger x, the worse, at every epoch."""
    return 1 + x + 1 / epoch


@pytest.fixture
def ten(tried):
    """Ten trials, of which the slice ranks the lower number higher."""
    return [tried(number, 2.0 + number, 1.0 + number) for number in range(10)]


def test_a_slice_that_ranks_rightly_was_enough(proved, ten, trainer):
    found = proved(ten, trainer(falling))

    assert (found.winner, found.slices_own, found.regret) == (0, 0, 0.0)
    assert [again.number for again in found.reranked] == list(range(10))
    assert found.rho.value == found.tau.value == pytest.approx(1)
    assert found.enough is True
    assert "so a slice of 20 % was enough" in found.verdict and "won there too" in found.verdict
    assert (found.share, found.num_examples, found.epochs_compared) == (1.0, 1000, 1)


def test_the_hopeless_end_early_so_that_the_proof_costs_little(proved, ten, trainer):
    """The first reaches the end; the others are behind it at the first rung: 4 + 9."""
    fake = trainer(falling)

    found = proved(ten, fake)

    assert list(fake.epochs.values()) == [4, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    assert (found.seconds, found.cpu_seconds) == (13, 26)


def test_without_halving_all_are_trained_to_the_end(proved, ten, trainer):
    fake = trainer(falling)

    found = proved(ten, fake, proof={"halving": False, "best": 2, "middle": 1})

    assert list(fake.epochs.values()) == [12, 12, 12]
    assert found.epochs_compared == 12


def test_the_best_on_more_data_wins_and_the_slices_own_choice_has_a_regret(proved, ten, trainer):
    """Trial 3 reaches 1.25 after four epochs where trial 0 reaches 2.25: 80 % worse."""
    found = proved(ten, trainer(lambda x, share, epoch: (0 if x == 3 else 1) + x / 100 + 1 + 1 / epoch))

    assert (found.winner, found.slices_own) == (3, 0)
    assert found.reranked[0].number == 3
    assert found.regret == pytest.approx((2.25 - 1.28) / 1.28)
    assert "Trial 3 won; trial 0, which the slice would have chosen, is 76 % worse there." in found.verdict


def test_who_keeps_up_at_the_rungs_may_pass_the_first_at_the_end_and_a_late_starter_may_not(proved, ten, trainer):
    """Trial 1 is level with trial 0 after one epoch and two; trial 2 is behind at first, and would be the best."""
    curve = {0: [4, 3, 3, 3], 1: [4, 3, 2, 1], 2: [5, 2, 1, 0]}
    fake = trainer(lambda x, share, epoch: curve.get(x, [9, 9, 9, 9])[epoch - 1])

    found = proved(ten, fake)

    assert (found.winner, found.regret) == (1, 2.0)
    assert [fake.epochs[number] for number in (0, 1, 2)] == [4, 4, 1]


def test_one_from_the_middle_that_leads_wins(proved, ten, trainer):
    trials = [
        *ten,
        *(
            trial.model_copy(
                update={
                    "number": 10 + trial.number,
                    "hyperparameters": {"x": 10 + trial.number},
                    "state": "pruned",
                    "curve": [20.0],
                }
            )
            for trial in ten[:5]
        ),
    ]

    found = proved(trials, trainer(lambda x, share, epoch: (0 if x == 12 else 5 + x) + 1 / epoch))

    assert found.winner == 12
    assert next(again for again in found.reranked if again.number == 12).place == "middle"


def test_a_slice_that_ranks_the_wrong_way_round_was_too_small(proved, ten, trainer):
    found = proved(ten, trainer(lambda x, share, epoch: 20 - x + 1 / epoch))

    assert found.rho.value < -0.9 and found.enough is False
    assert "so a slice of 20 % was too small; write tune.subsample.share: 0.4 (or auto)" in found.verdict
    assert found.winner == 9


def test_an_interval_that_reaches_below_one_half_says_so_and_what_would_help(proved, ten, trainer):
    """The top five the other way round: ρ is 1 − 6 · 40 / 990 = 0.758."""
    found = proved(
        ten, trainer(lambda x, share, epoch: (5 - x if x < 5 else 5 + x) + 1 / epoch), proof={"halving": False}
    )

    assert found.rho.value == pytest.approx(1 - 240 / 990)
    assert found.enough is False
    assert "The interval reaches below 0.5, so a slice of 20 % was too small to rely on" in found.verdict
    assert "tune.subsample.share: 0.4 (or auto), or tune.proof.middle higher" in found.verdict


def test_too_few_trials_tell_nothing_of_the_ranking(proved, ten, trainer):
    found = proved(ten[:2], trainer(falling))

    assert (found.rho, found.tau, found.enough, found.winner) == (None, None, None, 0)
    assert "2 trials were trained again" in found.verdict and "it takes 5 trials" in found.verdict


def test_trials_that_are_all_equal_on_more_data_tell_nothing_either(proved, ten, trainer):
    found = proved(ten, trainer(lambda x, share, epoch: 1.0))

    assert (found.rho, found.enough, found.winner, found.regret) == (None, None, 0, 0.0)
    assert "all of them are equal" in found.verdict


def test_a_candidate_that_fails_on_more_data_is_reported_and_not_the_end(proved, ten, trainer):
    found = proved(ten, trainer(falling, broken={3}))

    assert found.failed == {3: "the training diverged."}
    assert 3 not in [again.number for again in found.reranked]
    assert found.winner == 0 and "Trial 3 failed on more data: the training diverged." in found.verdict


def test_where_the_slices_own_choice_fails_the_next_wins_and_all_is_lost_without_the_proof(proved, ten, trainer):
    found = proved(ten, trainer(falling, broken={0}))

    assert (found.winner, found.slices_own, found.regret) == (1, 0, 1.0)
    assert "Trial 1 won; trial 0, which the slice would have chosen, failed." in found.verdict


def test_where_all_fail_the_slices_own_choice_stands_unproved(proved, ten, trainer):
    found = proved(ten, trainer(falling, broken=set(range(10))))

    assert (found.winner, found.reranked, found.enough, found.epochs_compared) == (0, [], None, 0)
    assert found.verdict.startswith("No trial could be trained on 100 % of the training split")


def test_a_proof_that_was_killed_trains_only_what_is_left(proved, ten, trainer):
    class Killed(trainer):
        def measure(self, hyperparameters, *arguments, **named):
            if hyperparameters["x"] == 3:
                raise Preempted("told to end")
            return super().measure(hyperparameters, *arguments, **named)

    with pytest.raises(Preempted):
        proved(ten, Killed(falling))
    after = trainer(falling)
    found = proved(ten, after)

    assert list(after.epochs) == [3, 4, 5, 6, 7, 8, 9]
    assert found == proved(ten, trainer(falling, broken=set(range(10))))
    assert found.seconds == 13


def test_other_epochs_are_trained_anew(proved, ten, trainer):
    proved(ten, trainer(falling))
    again = trainer(falling)

    proved(ten, again, proof={"epochs": 8})

    assert len(again.epochs) == 10


def test_a_candidate_that_may_go_further_in_a_later_round_is_trained_anew(proved, ten, trainer, tried):
    """In the first round trial 2 ended behind 0; in the second it is the first."""
    proved(ten, trainer(falling))
    again = trainer(falling)

    found = proved([tried(2, 1.0), *ten[5:]], again)

    assert again.epochs[2] == 4 and found.winner == 2
    assert set(again.epochs) <= {2, 5}


def test_what_an_earlier_round_trained_again_is_compared_too(proved, tried, trainer):
    """Of 20 the first round trains 0 … 4 and five more; the second, which ranks the other way, all of those too."""
    trials = [tried(number, 2.0 + number, 1.0 + number) for number in range(20)]
    first = {again.number for again in proved(trials, trainer(falling)).reranked}
    again = trainer(falling)

    found = proved([tried(number, 30.0 - number, 29.0 - number) for number in range(20)], again)

    assert first < {one.number for one in found.reranked}
    assert len(found.reranked) > 10
    assert found.rho.value < -0.9


def test_what_was_not_searched_is_added_before_it_is_trained(proved, ten, trainer, tmp_path):
    class Looking(trainer):
        def measure(self, hyperparameters, *arguments, **named):
            assert hyperparameters["batch_size"] == 32
            return super().measure(hyperparameters, *arguments, **named)

    proved(ten, Looking(falling), complete=lambda found: {**found, "batch_size": 32})

    assert {len(read_json(path)["curve"]) for path in tmp_path.iterdir()} == {1, 4}


def test_a_metric_that_is_maximised_is_ranked_the_other_way(proved, tried, trainer):
    trials = [tried(number, 0.9 - number / 100, metric="accuracy") for number in range(8)]
    fake = trainer(lambda x, share, epoch: 0.5 + 0.05 * x, metric="accuracy", maximised=True)

    found = proved(trials, fake, task=Task.TABULAR_CLASSIFICATION, optimise={"metric": "accuracy"})

    assert (found.winner, found.slices_own) == (7, 0)
    assert found.regret == pytest.approx(0.35 / 0.85)
    assert found.rho.value == pytest.approx(-1)


def test_of_a_front_all_are_trained_to_the_end_and_the_same_rule_chooses(proved, tried, trainer):
    """On all data trial 1 loses what it had; of those within half of the least rmse, 1.0, trial 2 is the smallest."""
    front = {"optimise": [{"metric": "rmse"}, {"metric": "parameters"}], "choose": {"metric": "rmse", "within": 0.5}}
    sizes = {0: 9.0, 1: 4.0, 2: 5.0}
    trials = [tried(number, 1.0 + number / 10, parameters=sizes[number]) for number in range(3)]
    fake = trainer(lambda x, share, epoch: {0: 1.0, 1: 2.0, 2: 1.4}[x], costs=lambda x: {"parameters": sizes[x]})

    found = proved(trials, fake, **front)

    assert (found.slices_own, found.winner) == (1, 2)
    assert set(fake.epochs.values()) == {4}
    assert found.regret == pytest.approx(0.6 / 1.4)


def test_one_that_breaks_a_constraint_does_not_win_though_it_leads(proved, tried, trainer):
    trials = [tried(number, 5.0 - number, parameters=float(number)) for number in range(4)]
    trials[3] = trials[3].model_copy(update={"violations": {"parameters <= 2": 1.0}})
    fake = trainer(lambda x, share, epoch: 9.0 - x, costs=lambda x: {"parameters": x})

    found = proved(trials, fake, satisfy=["parameters <= 2"])

    assert (found.winner, found.reranked[0].number) == (2, 2)
    assert {again.number for again in found.reranked} == {0, 1, 2, 3}
