"""What each step is told; that nothing else spoils its cache, and that Kubeflow's float numbers do it no harm."""

from __future__ import annotations

import json

import pytest

from estafet.runfile import RunFile
from estafet.runfile.steps import SETTINGS, settings_for

BASE = {
    "name": "small",
    "task": "image_classification",
    "data": {"source": "pictures", "channels": 1, "image_size": [8, 8]},
    "model": {"hyperparameters": {"units": 64}},
    "evaluate": {"gates": {"accuracy": {"min": 0.9}}},
}

CHANGES: dict[str, object] = {
    "name": "other",
    "task": "forecasting",
    "workspace": "elsewhere",
    "data": {"source": "pictures", "max_bad_share": 0.5},
    "model": {"hyperparameters": {"units": 32}},
    "tune": {"trials": 99},
    "train": {"epochs": 99},
    "evaluate": {"max_regression": 0.5},
    "export": {"verify_examples": 99},
    "deploy": {"keep_versions": 99},
    "serve": {"port": 9999},
    "monitor": {"labels": "l.csv"},
    "tracking": {"experiment": "other"},
    "notify": {"webhook": "https://example.org"},
    "cluster": {"timeout_hours": 99},
}
"""For each key of the run file, a change of it."""

READS = {
    "ingest": {"data", "task"},
    "tune": {"tune", "model", "task"},
    "train": {"train", "model", "task"},
    "evaluate": {"evaluate", "model", "task"},
    "export": {"export", "model", "task", "name"},
    "deploy": {"deploy", "name"},
    "detect_drift": {"monitor", "name", "task"},
}
"""For each step, the keys of the run file that it may depend on."""


def as_kubeflow_hands_it_over(value: object) -> object:
    """Make every whole number a float, which is what a dict parameter becomes on its way through protobuf."""
    if isinstance(value, dict):
        return {key: as_kubeflow_hands_it_over(part) for key, part in value.items()}
    if isinstance(value, list):
        return [as_kubeflow_hands_it_over(part) for part in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def test_the_tables_of_this_test_have_every_key_and_every_step():
    assert set(CHANGES) == set(RunFile.model_fields)
    assert set(READS) == set(SETTINGS)


@pytest.mark.parametrize("key", CHANGES)
@pytest.mark.parametrize("step", SETTINGS)
def test_a_step_is_told_of_a_change_only_where_it_concerns_it(step, key):
    before = settings_for(step, RunFile.model_validate(BASE))

    after = settings_for(step, RunFile.model_validate({**BASE, key: CHANGES[key]}))

    assert (after != before) == (key in READS[step])


@pytest.mark.parametrize("step", SETTINGS)
def test_settings_survive_the_way_through_kubeflow(step):
    model, section = SETTINGS[step]
    run = RunFile.model_validate(BASE)
    told = settings_for(step, run)

    received = model.model_validate(as_kubeflow_hands_it_over(json.loads(json.dumps(told))))

    ours = getattr(run, section).model_dump(mode="json")
    assert {key: value for key, value in received.model_dump(mode="json").items() if key in ours} == ours
    assert received == model.model_validate(told)


@pytest.mark.parametrize("step", SETTINGS)
def test_settings_are_the_same_whether_a_default_is_written_out_or_not(step):
    run = RunFile.model_validate(BASE)

    assert settings_for(step, RunFile.model_validate(run.model_dump(mode="json"))) == settings_for(step, run)


def test_tune_searches_on_what_train_trains_on():
    run = RunFile.model_validate({**BASE, "train": {"augment": {"flip": True}}})

    assert settings_for("tune", run)["augment"] == settings_for("train", run)["augment"]
    assert settings_for("tune", run)["augment"]["flip"] is True


def test_rungs_in_place_of_epochs_reach_the_step_and_its_workers():
    """The settings are written and read twice on their way, and `epochs` beside `rungs` is refused."""
    rungs = [{"share": 0.5, "epochs": 2}, {"share": 1.0, "epochs": 3}]
    told = settings_for("tune", RunFile.model_validate(BASE | {"tune": {"rungs": rungs}}))

    assert "epochs" not in told
    read = SETTINGS["tune"][0].model_validate(told)
    assert [rung.model_dump() for rung in read.rungs] == rungs
    assert SETTINGS["tune"][0].model_validate(read.model_dump(mode="json", exclude_none=True)) == read
