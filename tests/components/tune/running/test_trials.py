"""The search of real trainings: alike in every process, run by real workers, and under a name of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.tune.running import cluster
from components.tune.running.results import results
from components.tune.running.run import run
from components.tune.running.trials import WARM_START, Trials, study_name
from estafet.errors import ConfigError
from estafet.runfile.steps import TuneSettings
from estafet.runfile.tasks import Task


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """80 rows for training, 40 for validation: the class is the sign of the first number."""
    from estafet.training.testing import write_table

    folder, random = tmp_path_factory.mktemp("table"), np.random.default_rng(0)

    def rows(num_rows: int) -> dict[str, np.ndarray]:
        numeric_NF = random.normal(0, 1, (num_rows, 2)).astype(np.float32)
        return {"numeric": numeric_NF, "label": (numeric_NF[:, 0] > 0).astype(np.int64)}

    write_table(folder, Task.TABULAR_CLASSIFICATION, {"train": rows(80), "validation": rows(40), "test": rows(10)})
    return folder


def _settings(**tune: object) -> TuneSettings:
    values = {
        "task": "tabular_classification",
        "model": {"hyperparameters": {"units": 8, "layers": 1}},
        "space": {"learning_rate": {"low": 1e-3, "high": 1e-1, "scale": "log"}, "dropout": {"choices": [0.0, 0.5]}},
        "search": "random",
        "trials": 2,
        "epochs": 2,
        "subsample": 0.5,
        **tune,
    }
    return TuneSettings.model_validate(values)


@pytest.mark.slow
def test_two_workers_train_the_trials_that_a_search_asks_for(dataset, tmp_path):
    trials = Trials(_settings(satisfy=["parameters <= 20"]), dataset)
    search = trials.search(tmp_path, 0.5)

    ended = run(search, trials.job(tmp_path, 0.5), tmp_path, workers=2)

    found = results(search.study, search.judge)
    assert ended == "trials"
    assert [(trial.number, trial.state, trial.epochs) for trial in found] == [(0, "complete", 2), (1, "complete", 2)]
    assert found[0].hyperparameters == {"learning_rate": 1e-3} | {"dropout": found[0].hyperparameters["dropout"]}
    for trial in found:
        assert trial.value == trial.metrics["log_loss"] == pytest.approx(min(trial.curve))
        assert trial.violations["parameters <= 20"] == trial.metrics["parameters"] - 20 > 0
        assert trial.cpu_seconds > 0


def test_what_a_trial_draws_is_completed_with_what_is_fixed(dataset, tmp_path):
    trials = Trials(_settings(), dataset)
    search = trials.search(tmp_path, 0.5)
    search.enqueue()

    drawn = search.draw(search.study.ask())

    assert drawn["learning_rate"] == 1e-3  # the default, which is tried first
    assert (drawn["units"], drawn["layers"], drawn["batch_size"]) == (8, 1, 32)
    assert drawn["dropout"] in (0.0, 0.5)


def test_points_that_shall_be_first_are_first_and_a_grid_ends_with_its_points(dataset, tmp_path):
    space = {"dropout": {"choices": [0.0, 0.1, 0.2]}}
    trials = Trials(_settings(search="auto", space=space, trials=8), dataset)
    search = trials.search(tmp_path, 0.5, first=[{"dropout": 0.1}])
    search.enqueue()

    waiting = [trial.system_attrs["fixed_params"]["dropout"] for trial in search.study.trials]

    assert trials.search_kind == "grid"
    assert waiting[0] == 0.1 and sorted(waiting) == [0.0, 0.1, 0.2]
    assert search.budget.wanted == 3


def test_what_an_earlier_study_taught_is_said_in_the_study(dataset, tmp_path):
    one = {"number": 4, "hyperparameters": {"learning_rate": 0.01, "dropout": 0.5}, "metrics": {"log_loss": 0.3}}
    earlier = {"dataset_version": "v1", "num_incomplete": 0, "trials": [one]}
    search = Trials(_settings(earlier=earlier), dataset).search(tmp_path, 0.5)

    search.enqueue()

    assert search.study.user_attrs[WARM_START].startswith("1 of 1 trials were taken over")
    assert results(search.study, search.judge) == []  # it teaches, and does not count
    assert search.study.trials[0].params == {"learning_rate": 0.01, "dropout": 0.5}


def test_a_studys_name_is_the_same_with_more_time_for_it_and_another_where_trials_could_not_be_compared(dataset):
    manifest = Trials(_settings(), dataset).manifest

    def name(**tune: object) -> str:
        return study_name(_settings(**tune), manifest, 0.5)

    assert name() == name(trials=99, hours=3, workers=4, storage="sqlite:///a.db", proof=False)
    assert len({name(), name(epochs=3), name(seed=1), name(subsample={"share": 0.5, "by": "random"})}) == 4
    assert study_name(_settings(), manifest, 0.2) != name()
    assert name(storage="sqlite:///a.db", study="mine") == "mine"
    assert name(storage="sqlite:///a.db", study="mine", subsample="auto") == "mine-0.5"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"epochs": 50}, "epochs was 2 and is 50"),
        ({"epochs": 2, "satisfy": ["parameters <= 20"]}, "satisfy was .* and is parameters <= 20"),
        ({"batch_size": 8}, "batch_size was 32 and is 8"),
        ({"model": {"hyperparameters": {"units": 4, "layers": 1}}}, "model.hyperparameters was .*8.* and is .*4"),
    ],
)
def test_a_study_with_a_name_is_not_gone_on_with_where_trials_could_not_be_compared(dataset, tmp_path, changed, said):
    kept = {"storage": f"sqlite:///{tmp_path}/studies.db", "study": "mine"}
    Trials(_settings(**kept), dataset).search(tmp_path, 0.5)
    Trials(_settings(**kept, trials=99, hours=3, proof=False, seed=1), dataset).search(tmp_path, 0.5)

    with pytest.raises(ConfigError, match=said):
        Trials(_settings(**kept, **changed), dataset).search(tmp_path, 0.5)


def test_a_pod_needs_a_storage_that_others_can_reach(dataset):
    for storage in ({}, {"storage": "sqlite:///study.db"}):
        with pytest.raises(ConfigError, match="which only one machine can reach"):
            cluster.work(_settings(**storage), dataset, worker=0)


def test_a_share_that_grows_by_itself_begins_where_no_class_is_empty(dataset, monkeypatch):
    """Of a share below 0.25 a class would have no example; 0.1 and 0.2 are passed over."""
    found = Trials(_settings(subsample="auto"), dataset)

    def slices(share):
        if share < 0.25:
            raise ConfigError("leaves a class empty.")
        return ()

    monkeypatch.setattr(found, "slices", slices)

    assert found.first_share == pytest.approx(0.4)
