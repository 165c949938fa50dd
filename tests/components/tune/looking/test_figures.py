"""The figures of a search: what stands out in them, and what stands in their place."""

from __future__ import annotations

import pytest

from components.tune.looking import charts, figures, proof_figures
from components.tune.looking.charts import BROKEN_COLOUR, OWN_COLOUR, QUIET_COLOUR, WINNER_COLOUR

ALL = ["History", "Learning curves", "What matters", "Which values go together", "Each hyperparameter"]


def drawn(study):
    """Return the figures by their headings."""
    return {chart.heading: chart for chart in [*figures.charts(study), *proof_figures.charts(study)]}


def trace(chart, name):
    return next(trace for trace in chart.figure.data if trace.name == name)


def test_a_whole_study_has_every_figure(proved):
    found = drawn(proved)

    assert list(found) == [*ALL, "Places", "Values"]
    assert {chart.instead for chart in found.values()} == {""}


def test_the_history_has_the_winner_the_pruned_and_the_best_so_far(proved):
    """Trial 5 won in the proof; on the slice, 3 was the best from its end on, with 0.4."""
    history = drawn(proved)["History"]

    assert (trace(history, "winner").x, trace(history, "winner").y) == ((5,), (0.42,))
    assert trace(history, "pruned").x == (6, 10)
    assert list(trace(history, "best so far").y)[2:5] == [0.8, 0.4, 0.4]
    assert "less is better" in history.caption


def test_of_a_metric_that_is_maximised_the_best_so_far_rises(make):
    trials = [make.trial(0, 0.5), make.trial(1, 0.4), make.trial(2, 0.9)]

    history = drawn(make.study(trials, best=2, maximised=True))["History"]

    assert list(trace(history, "best so far").y) == [0.5, 0.5, 0.9]
    assert "more is better" in history.caption


def test_trials_that_break_a_constraint_are_marked_in_history_and_slices(make):
    """Trial 1 would be the best; it lies in the slice of every hyperparameter, also of one with choices."""
    trials = [make.trial(0, 0.5), make.trial(1, 0.3, violations={"size_mb <= 1": 0.5}), make.trial(2, 0.4)]

    found = drawn(make.study(trials, best=2))

    assert trace(found["History"], "breaks a constraint").x == (1,)
    assert list(trace(found["History"], "best so far").y) == [0.5, 0.5, 0.4]
    marked = [t for t in found["Each hyperparameter"].figure.data if t.marker.color == BROKEN_COLOUR and t.x]
    assert {tuple(t.y) for t in marked} == {(0.3,)}
    assert {t.x for t in marked} >= {("32",)}


def test_in_parallel_coordinates_the_winners_line_is_thick_also_among_equals(make):
    """Accuracies on few rows are often equal: the winner's line must be that with the winner's hyperparameters."""
    trials = [make.trial(number, 0.5 if number else 0.75) for number in range(6)]
    study = make.study(trials, best=4, maximised=True)

    lines = [t for t in drawn(study)["Which values go together"].figure.data if t.customdata is not None]

    [thick] = [line for line in lines if line.line.width > 2]
    [low] = [value for name, value in thick.customdata if name == "dropout"]
    assert (thick.line.color, float(low)) == (WINNER_COLOUR, pytest.approx(0.2))
    assert len(lines) == 6


def test_curves_are_grey_where_the_trial_was_pruned(proved):
    colours = {t.name: t.line.color for t in drawn(proved)["Learning curves"].figure.data}

    assert colours["trial 5 (winner)"] == WINNER_COLOUR
    assert {name for name, colour in colours.items() if colour == QUIET_COLOUR} == {
        "trial 6 (pruned)", "trial 10 (pruned)"
    }  # fmt: skip


def test_the_front_shows_who_is_on_it_who_is_chosen_and_who_is_out(make):
    """(0.5, 1) and (0.4, 2) are the front, (0.6, 3) is beaten by both, and the fourth is too large."""
    points = [(0.5, 1.0), (0.4, 2.0), (0.6, 3.0), (0.3, 0.5)]
    trials = [
        make.trial(
            number, rmse, metrics={"rmse": rmse, "latency_ms": ms}, violations={"size_mb <= 1": 1.0 * (number == 3)}
        )
        for number, (rmse, ms) in enumerate(points)
    ]
    study = make.study(trials, best=1, objectives={"rmse": "minimise", "latency_ms": "minimise"}, front=[0, 1])

    front = drawn(study)["The front"]

    found = {t.name: (list(t.x), list(t.y)) for t in front.figure.data}
    assert found["chosen"] == ([0.4], [2.0])
    assert found["beaten"] == ([0.6], [3.0])
    assert found["breaks a constraint"] == ([0.3], [0.5])
    assert sorted(found["front"][0]) == [0.4, 0.5]


def test_places_lead_from_the_order_on_the_slice_to_that_on_more_data(proved):
    """On the slice 3 (0.4) is before 5 (0.42); on all data 5 is first."""
    lines = {t.text[0].strip(): t for t in drawn(proved)["Places"].figure.data}

    assert (list(lines["trial 5"].y), lines["trial 5"].line.color) == ([2, 1], WINNER_COLOUR)
    assert (list(lines["trial 3"].y), lines["trial 3"].line.color) == ([1, 2], OWN_COLOUR)
    assert lines["trial 5"].text[1].endswith("winner")
    assert {name for name, line in lines.items() if line.line.dash == "dash"} == {"trial 7", "trial 0"}


def test_trials_of_unlike_length_are_drawn_after_the_epochs_that_all_have(proved):
    """The winner's curve is 0.5, 0.4: where another ended after one epoch, 0.5 counts."""
    short = proved.proof.reranked[-1].model_copy(update={"epochs": 1, "curve": [1.1], "value": 1.1})
    proof = proved.proof.model_copy(update={"reranked": [*proved.proof.reranked[:-1], short], "epochs_compared": 1})

    assert proof_figures.alike(proved.proof, False)[0] == 0.4
    assert proof_figures.alike(proof, False)[0] == 0.5
    assert "after 1 epoch, on more data" in drawn(proved.model_copy(update={"proof": proof}))["Values"].caption


class TestTooLittle:
    """A sentence stands where nothing can be drawn."""

    def test_one_trial(self, make):
        found = drawn(make.study([make.trial(0, 0.5)]))

        assert [found[name].figure for name in ALL if name != "Learning curves"] == [None] * 4
        assert found["History"].instead == "There is no history of a single trial."
        assert found["Learning curves"].figure is not None

    def test_all_failed_but_one(self, make):
        trials = [make.trial(0, 0.5), *(make.trial(number, None, "failed") for number in range(1, 8))]

        found = drawn(make.study(trials))

        assert found["History"].figure is not None
        assert "4 complete trials" in found["What matters"].instead
        assert "two complete trials" in found["Which values go together"].instead

    def test_one_hyperparameter_has_no_importance_but_a_slice(self, make):
        space = {"dropout": {"low": 0.0, "high": 0.5, "scale": "linear", "integer": False}}
        trials = [make.trial(n, 0.5 + n / 10, hyperparameters={"dropout": n / 10}) for n in range(6)]

        found = drawn(make.study(trials, space=space))

        assert found["What matters"].instead == "Of a single hyperparameter there is nothing to compare."
        assert found["Each hyperparameter"].figure is not None

    def test_nothing_searched(self, make):
        trials = [make.trial(number, 0.5, hyperparameters={}) for number in range(3)]

        found = drawn(make.study(trials, space={}))

        assert found["History"].figure is not None
        assert all(found[name].instead for name in ALL[2:])

    def test_equal_values_throughout(self, make):
        trials = [make.trial(number, 0.0) for number in range(6)]

        assert all(chart.figure is not None or chart.instead for chart in drawn(make.study(trials)).values())

    def test_epochs_of_one(self, make):
        trials = [make.trial(number, 0.5, epochs=1) for number in range(3)]

        assert drawn(make.study(trials))["Learning curves"].instead == "There is no curve of trials of a single epoch."

    def test_a_proof_of_one_trial(self, make):
        proof = make.proof([0, 1], {0: 0.5, 1: 0.6})
        alone = proof.model_copy(update={"reranked": proof.reranked[:1], "rho": None, "tau": None, "enough": None})

        found = drawn(make.study([make.trial(0, 0.5)], proof=alone))

        assert found["Places"].instead == found["Values"].instead
        assert "two trials" in found["Places"].instead

    def test_what_cannot_be_foreseen(self, make):
        def broken(study):
            raise RuntimeError("<no> picture")

        chart = charts.chart("A", "b", broken, make.study([make.trial(0, 0.5)]))

        assert chart.instead == "This could not be drawn (RuntimeError: <no> picture)."


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([16, 250], [20, 50, 100, 200]),
        ([0.0002, 0.095], [0.001, 0.01, 0.1]),
        ([0.4, 2.4], [0.5, 1, 2]),
        ([1, 1000], [1, 10, 100, 1000]),
    ],
)
def test_logarithmic_axes_have_few_and_round_numbers(values, ticks):
    """0.095 is so near to 0.1 that the tick has room."""
    axis = charts.log_ticks(values)

    assert axis["tickvals"] == pytest.approx(ticks)
    assert axis["ticktext"] == [f"{tick:g}" for tick in ticks]
