"""The page about a search: the best first, and every trial with what became of it."""

from __future__ import annotations

import pytest

from components.tune import result
from components.tune.result import Study, TrialResult


@pytest.fixture
def study() -> Study:
    def trial(number, state, value, reason=None):
        chosen = {"units": 16 * (number + 1), "activation": "relu" if number else "tanh"}
        return TrialResult(
            number=number, state=state, hyperparameters=chosen, value=value, epochs=3, seconds=1.25, reason=reason
        )

    trials = [
        trial(0, "complete", 0.5),
        trial(1, "failed", None, "ValueError: <units>"),
        trial(2, "pruned", 0.1),
        trial(3, "complete", 0.25),
    ]
    return Study(
        objective="log_loss", sampler="tpe", pruner="percentile", subsample=0.3, num_examples=120,
        dataset_version="d", seconds=5.0, trials=trials, best=trials[3],
    )  # fmt: skip


def test_the_page_lies_beside_the_study_with_the_picture_inside(study, tmp_path):
    study.save(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.png", "report.html", "study.json"]
    html = (tmp_path / "report.html").read_text()
    assert "best validation log loss 0.25" in html
    assert "120 examples (30% of the training split)" in html
    assert html.count("data:image/png;base64,") == 1


def test_trials_stand_in_the_order_of_what_they_are_worth(study, tmp_path):
    study.save(tmp_path)

    rows = (tmp_path / "report.html").read_text().partition("<tbody>")[2].split("<tr>")[1:]
    numbers = [row.partition('class="number">')[2][0] for row in rows]
    assert numbers == ["3", "0", "2", "1"], "a pruned trial's value is of fewer epochs, and beats none that went on"
    assert "ValueError: &lt;units&gt;" in rows[3]


def test_the_numbers_below_a_panel_are_few_enough_to_read(study, tmp_path):
    """Two near learning rates would be given seven numbers of seven signs each, one over the other."""
    from matplotlib.figure import Figure

    trials = [
        trial.model_copy(update={"state": "complete", "value": 0.5, "hyperparameters": {"learning_rate": rate}})
        for trial, rate in zip(study.trials, (0.001, 0.001, 0.002512, 0.002512), strict=True)
    ]
    panel = Figure(figsize=(4.2, 2.8)).add_subplot()

    result._values(panel, study.model_copy(update={"trials": trials, "best": trials[0]}), "learning_rate")

    low, high = panel.get_xlim()
    assert 2 <= sum(low <= tick <= high for tick in panel.get_xticks()) <= 5
