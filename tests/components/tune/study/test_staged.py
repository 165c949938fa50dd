"""The staged search narrows to the best quarter, the same way however often it is interrupted and whoever runs it."""

from __future__ import annotations

import math

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import HyperbandPruner, NopPruner
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from components.tune.running.marks import EARLIER, REASON
from components.tune.study import opening, space
from components.tune.study.staged import StagedSampler, best_quarter, narrowed, note, stages
from components.tune.study.testing import TOY, loss, try_out

MINIMISE, MAXIMISE = [StudyDirection.MINIMIZE], [StudyDirection.MAXIMIZE]
X = FloatDistribution(0.0, 10.0)


def trials_of(values, distributions, directions=MINIMISE, **attributes):
    """Make complete trials of `(params, value)`, numbered in their order."""
    study = optuna.create_study(directions=directions)
    for params, value in values:
        several = list(value) if isinstance(value, tuple) else [value]
        study.add_trial(create_trial(params=params, distributions=distributions, values=several, **attributes))
    return study.trials


@pytest.mark.parametrize(("num_trials", "wanted"), [(12, [6]), (13, [7]), (23, [12]), (24, [12, 18]), (40, [20, 30])])
def test_half_of_the_trials_look_everywhere_and_of_many_a_quarter_narrows_again(num_trials, wanted):
    assert stages(num_trials) == wanted


def test_a_range_becomes_what_the_best_quarter_spans_and_a_margin():
    """Of x = 0 … 11 with the loss |x − 5|, the best three are 4, 5 and 6: a span of 2, and half of it on both sides."""
    distributions = {"x": FloatDistribution(0.0, 11.0)}
    trials = trials_of([({"x": float(x)}, abs(x - 5.0)) for x in range(12)], distributions)

    found, said = narrowed(trials, distributions, MINIMISE)

    assert found["x"] == FloatDistribution(3.0, 7.0)
    assert said == "x 0–11 → 3–7"


def test_a_logarithmic_range_is_narrowed_by_ratios_and_stays_inside():
    """The best are 1e-4, 1e-3 and 1e-2: two decades, and a decade more on both sides, of which one is not there."""
    distributions = {"rate": FloatDistribution(1e-4, 1.0, log=True)}
    trials = trials_of([({"rate": 10.0**-power}, float(-power)) for power in range(5)], distributions)

    found, said = narrowed(trials, distributions, MINIMISE)

    assert found["rate"].low == 1e-4
    assert found["rate"].high == pytest.approx(0.1)
    assert said == "rate 0.0001–1 → 0.0001–0.1"


def test_of_choices_those_stay_that_occur_among_the_best():
    distributions = {"units": CategoricalDistribution([16, 32, 64]), "kind": CategoricalDistribution(["a", "b"])}
    points = [(16, "a", 9), (32, "a", 1), (64, "b", 2), (32, "b", 3), (16, "b", 8)]
    trials = trials_of([({"units": u, "kind": k}, float(v)) for u, k, v in points], distributions)

    found, said = narrowed(trials, distributions, MINIMISE)

    assert found == {"units": CategoricalDistribution([32, 64]), "kind": distributions["kind"]}
    assert said == "units [16, 32, 64] → [32, 64]; kind stays"


def test_whole_numbers_stay_whole_and_equal_ones_keep_their_neighbours():
    """The best are all 5; a twentieth of the range of 20 is 1, so 4 to 6 are left."""
    distributions = {"layers": IntDistribution(1, 21)}
    trials = trials_of([({"layers": 5}, 1.0)] * 3 + [({"layers": 20}, 2.0)] * 9, distributions)

    found, _ = narrowed(trials, distributions, MINIMISE)

    assert found["layers"] == IntDistribution(4, 6)


def test_the_best_are_a_quarter_of_all_that_ended_at_least_three_and_complete():
    complete = trials_of([({"x": 1.0}, float(value)) for value in range(8)], {"x": X})
    failed = [create_trial(state=TrialState.FAIL) for _ in range(8)]

    assert [trial.value for trial in best_quarter([*complete, *failed], MINIMISE)] == [0, 1, 2, 3]
    assert [trial.value for trial in best_quarter(complete, MAXIMISE)] == [7, 6, 5]
    assert best_quarter(failed, MINIMISE) == []


def test_trials_that_break_a_bound_come_last():
    breaking = trials_of([({"x": 1.0}, float(value)) for value in range(4)], {"x": X}, constraints={"c": 0.1})
    keeping = trials_of([({"x": 2.0}, 10.0 + value) for value in range(3)], {"x": X}, constraints={"c": -1.0})

    assert {trial.params["x"] for trial in best_quarter([*breaking, *keeping], MINIMISE)} == {2.0}


def test_of_several_objectives_the_undominated_are_best():
    """(1, 3), (2, 2) and (3, 1) are beaten by none; (4, 4) is beaten by all of them."""
    values = [(4.0, 4.0), (1.0, 3.0), (2.0, 2.0), (5.0, 5.0), (3.0, 1.0)]
    trials = trials_of([({"x": 1.0}, value) for value in values], {"x": X}, MINIMISE * 2)

    assert sorted(trial.number for trial in best_quarter(trials, MINIMISE * 2)) == [1, 2, 4]


def test_the_second_half_stays_in_the_region_and_is_better():
    study = optuna.create_study(sampler=StagedSampler(40, seed=1))

    try_out(study, 40)

    values = [trial.value for trial in study.trials]
    assert sum(values[20:]) / 20 < 0.5 * sum(values[:20]) / 20
    region, _ = narrowed(study.trials[:20], TOY, study.directions)
    assert all(region["rate"].low <= trial.params["rate"] <= region["rate"].high for trial in study.trials[20:])
    said = note(study, TOY, 40)
    assert said.startswith("after 20 trials the search narrowed to the best quarter's region: layers")
    assert "after 30 trials" in said


def test_nothing_is_said_before_it_narrowed():
    study = optuna.create_study(sampler=StagedSampler(40, seed=1))
    try_out(study, 19)

    assert note(study, TOY, 40) is None


def test_a_search_that_is_interrupted_again_and_again_draws_the_same(settings, tmp_path):
    chosen = settings(search="staged", trials=24, seed=5)

    def tried(folder, sizes):
        return [
            point
            for size in sizes
            for point in try_out(opening.open_study(chosen, ["minimize"], TOY, tmp_path / folder, "s"), size)
        ]

    assert tried("once", [24]) == tried("often", [1, 11, 5, 7])


def test_workers_that_end_their_trials_in_any_order_narrow_to_the_same_region():
    """Two at a time, the later first: of those that ended first, whoever looks sees the same."""
    study = optuna.create_study(sampler=StagedSampler(12, seed=2))
    for _ in range(6):
        pair = [study.ask(), study.ask()]
        params = [{"x": trial.suggest_float("x", 0, 10)} for trial in pair]
        for trial, chosen in reversed(list(zip(pair, params, strict=True))):
            study.tell(trial, (chosen["x"] - 5) ** 2)
    first_six = sorted(study.trials, key=lambda trial: trial.datetime_complete)[:6]

    region, _ = narrowed(first_six, {"x": X}, study.directions)

    assert all(region["x"].low <= trial.params["x"] <= region["x"].high for trial in study.trials[6:])


def test_a_trial_that_began_early_and_ended_late_moves_no_region_that_others_draw_from():
    """After seven, the half is six: those that ended first, and not the first one, which would change everything."""
    study = optuna.create_study(sampler=StagedSampler(12, seed=2))
    slow = study.ask()
    slow.suggest_float("x", 0, 10)
    try_out(study, 6, {"x": X}, lambda params: params["x"])
    before = note(study, {"x": X}, 12)

    study.tell(slow, -1e9)

    assert note(study, {"x": X}, 12) == before


def test_neither_earlier_trials_nor_interrupted_ones_decide_when_and_where_to_narrow():
    study = optuna.create_study(sampler=StagedSampler(12, seed=2))
    for _ in range(20):
        study.add_trial(create_trial(params={"x": 9.9}, distributions={"x": X}, value=-1e9, user_attrs={EARLIER: 1}))
        study.add_trial(create_trial(state=TrialState.FAIL))
    study.add_trial(create_trial(state=TrialState.FAIL, user_attrs={REASON: "it diverged"}))
    try_out(study, 5, {"x": X}, lambda params: params["x"])

    assert note(study, {"x": X}, 12).startswith("after 6 trials")
    assert float(note(study, {"x": X}, 12).rpartition("–")[2]) < 5  # and the earlier ones lie at 9.9


def test_hyperband_s_brackets_hide_no_trials_from_it():
    """It sorts trials into brackets from the first report on, and shows a sampler only those of one."""

    def tried(pruner) -> list[dict]:
        study = optuna.create_study(sampler=StagedSampler(16, seed=3), pruner=pruner, study_name="s")
        for _ in range(16):
            trial = study.ask()
            params = space.suggest(trial, TOY)
            trial.report(loss(params), 1)
            trial.should_prune()
            study.tell(trial, loss(params))
        return [trial.params for trial in study.trials]

    assert tried(HyperbandPruner(min_resource=1, max_resource=9)) == tried(NopPruner())


def test_each_whole_number_and_choice_is_drawn_about_as_often():
    """Of 400 draws of 1, 2, 3, 4 each gets about 100; 75 to 125 is 2.9 standard deviations."""
    study = optuna.create_study(sampler=StagedSampler(1000, seed=0))
    found = {"n": IntDistribution(1, 4), "c": CategoricalDistribution("abcd"), "r": FloatDistribution(1, 16, log=True)}
    tried = try_out(study, 400, found, lambda params: 0.0)

    for name, values in (("n", (1, 2, 3, 4)), ("c", "abcd")):
        assert all(75 < sum(point[name] == value for point in tried) < 125 for value in values)
    halves = [int(math.log2(point["r"])) for point in tried]
    assert all(75 < halves.count(octave) < 125 for octave in range(4))


def test_its_losses_are_those_of_the_toy():
    study = optuna.create_study(sampler=StagedSampler(4, seed=0))
    tried = try_out(study, 2)

    assert [trial.value for trial in study.trials] == [loss(point) for point in tried]
