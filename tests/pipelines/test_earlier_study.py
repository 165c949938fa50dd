"""What `tune.warm_start` names is read where the run starts, and travels as what it holds."""

from __future__ import annotations

import json

import pytest

from components.tune.result import Cost, Study, TrialResult
from estafet.errors import ConfigError
from estafet.provenance import CodeFingerprint
from estafet.runfile import load
from estafet.runfile.earlier import EarlierTrial
from estafet.runfile.steps import TuneSettings
from pipelines import arguments
from pipelines.earlier_study import read_earlier_study


def trial(number: int, state: str = "complete") -> TrialResult:
    return TrialResult(
        number=number, state=state, hyperparameters={"units": 16 * (number + 1)}, value=0.5,
        metrics={"log_loss": 0.5}, epochs=3, seconds=1.0,
    )  # fmt: skip


@pytest.fixture
def study() -> Study:
    """Two complete trials, one pruned and one failed."""
    trials = [trial(0), trial(1, "pruned"), trial(2), trial(3, "failed")]
    cost = Cost(
        seconds=1, cpu_seconds=1, trials_seconds=1, proof_seconds=0, full_seconds=9, times_cheaper=9
    )  # fmt: skip
    return Study(
        objective="log_loss", metric="log_loss", search="tpe", pruner="percentile", share=0.2, by="stratified",
        num_examples=90, dataset_version="v1", space={"units": {"choices": [16, 32, 48]}}, trials=trials,
        best=trials[0], why="the least log_loss", cost=cost,
    )  # fmt: skip


@pytest.fixture
def tune_settings(tmp_path, monkeypatch):
    """Return a function that gives what `tune` is told by a run file, as JSON carries it through Kubeflow."""
    monkeypatch.setattr(arguments, "fingerprint_code", lambda *args, **kwargs: CodeFingerprint("same", {}))
    run_file = tmp_path / "run.yaml"

    def run(tune: str):
        run_file.write_text(f"name: warm\ntask: tabular_classification\ndata: {{source: data.csv}}\ntune: {tune}\n")
        made = arguments.training_arguments(load(run_file), "sqlite:///x.db")
        return json.loads(json.dumps(made.values["tune_settings"]), parse_int=float), made.values["recipe"]

    return run


def test_complete_trials_are_read_from_the_file_or_its_folder(study, tmp_path):
    study.save(tmp_path)

    found = read_earlier_study(str(tmp_path))

    assert found == read_earlier_study(str(tmp_path / "study.json"))
    assert (found.dataset_version, found.num_incomplete) == ("v1", 2)
    assert found.trials == (
        EarlierTrial(number=0, hyperparameters={"units": 16}, metrics={"log_loss": 0.5}),
        EarlierTrial(number=2, hyperparameters={"units": 48}, metrics={"log_loss": 0.5}),
    )


def test_tune_is_told_what_the_earlier_study_holds_and_not_where_it_is(study, tune_settings, tmp_path):
    study.save(tmp_path / "before")

    told, _ = tune_settings("{warm_start: before}")

    settings = TuneSettings.model_validate(told)
    assert settings.earlier == read_earlier_study(str(tmp_path / "before"))
    assert "warm_start" not in told
    assert str(tmp_path) not in json.dumps(told)


def test_another_earlier_study_is_another_recipe(study, tune_settings, tmp_path):
    study.save(tmp_path)
    _, before = tune_settings("{warm_start: study.json}")
    study.model_copy(update={"dataset_version": "v0"}).save(tmp_path)

    _, after = tune_settings("{warm_start: study.json}")

    assert after != before


def test_a_study_that_is_not_needed_is_not_read(tune_settings):
    told, _ = tune_settings("{warm_start: nowhere, enabled: false}")

    assert "earlier" not in told


@pytest.mark.parametrize("path", ["nowhere", "nowhere/study.json", "."])
def test_a_study_that_is_not_there_is_found_before_the_run(tune_settings, path):
    with pytest.raises(ConfigError, match="which cannot be read: No such file") as caught:
        tune_settings(f"{{warm_start: {path}}}")

    assert caught.value.exit_status == 2


def test_a_study_on_another_machine_is_refused(tune_settings):
    with pytest.raises(ConfigError, match="must be a file on this machine"):
        tune_settings("{warm_start: 'gs://bucket/study.json'}")


@pytest.mark.parametrize(
    ("text", "said"), [("{", "Invalid JSON"), ("{}", "Field required"), ("[]", "an object"), ("\udcff", "utf-8")]
)
def test_a_file_that_is_no_study_is_refused(tune_settings, tmp_path, text, said):
    (tmp_path / "study.json").write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(ConfigError, match="no study of this version") as caught:
        tune_settings("{warm_start: study.json}")

    assert said in caught.value.message


@pytest.mark.parametrize(
    ("storage", "wanted"),
    [
        ("sqlite:///studies/a.db", "sqlite:///{folder}/studies/a.db"),
        ("sqlite:////var/a.db", "sqlite:////var/a.db"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
    ],
)
def test_a_sqlite_file_lies_beside_the_run_file(tune_settings, tmp_path, storage, wanted):
    told, _ = tune_settings(f"{{storage: '{storage}'}}")

    assert told["storage"] == wanted.format(folder=tmp_path)
