"""A retraining: labels joined with requests, written as data, and a real child process that stands for the training."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from components.retrain import step
from estafet.errors import StepFailed
from estafet.files import read_json
from monitoring.incidents.state import MonitorState
from monitoring.retraining import triggers
from monitoring.testing import MODEL, NOW


def test_a_new_version_is_an_outcome_of_deployed(race):
    """The child publishes version 2 and ends well."""
    said = []

    result = race.retrain(progress=lambda message, *_: said.append(message))

    assert (result.outcome, result.version_before, result.version_after, result.num_labelled) == ("deployed", 1, 2, 10)
    assert "training: train: epoch 1/2" in said
    assert read_json(race.root / "outcome.json")["outcome"] == "deployed"
    assert step.summary(result) == "version 2 is served, trained with 10 labelled requests"
    assert [run.outcome for run in MonitorState(race.state_dir).retrainings(MODEL)] == ["deployed"]


def test_the_run_learns_from_old_and_new_data_with_the_champions_hyperparameters(race):
    """All paths are absolute; 1e-05 stays a number; the monitoring run's own overrides come first."""
    race.retrain(overrides=["train.epochs=3"])

    given = {name: yaml.safe_load(value) for name, value in race.overrides().items()}
    folder = next((race.state_dir / "labelled").iterdir())
    assert given == {
        "train.epochs": 3,
        "data.source": [str(race.root / "old.csv"), str(folder)],
        "tune.enabled": False,
        "model.hyperparameters": {"learning_rate": 1e-05, "units": 64},
    }
    assert race.seen["arguments"][0] == str(race.root / "run.yaml")


def test_a_profile_is_applied_to_the_training_run_too(race):
    """Its sources are the old ones then."""
    text = (race.root / "run.yaml").read_text()
    (race.root / "run.yaml").write_text(text + "profiles:\n  big:\n    data:\n      source: [old.csv, old.csv]\n")

    result = race.retrain(profile="big")

    assert race.seen["arguments"][1:3] == ["--profile", "big"]
    assert [Path(source).name for source in result.sources] == ["old.csv", "old.csv", result.key]


def test_tuning_again_leaves_the_hyperparameters_to_the_search(race):
    """`retrain.tune: true`."""
    race.retrain(retrain={"tune": True})

    assert set(race.overrides()) == {"data.source"}


def test_the_same_labels_are_not_learned_twice(race):
    """The second call starts no training."""
    race.retrain()
    (race.root / "seen.json").unlink()

    again = race.retrain()

    assert again.outcome == "skipped"
    assert "learned already" in again.why
    assert not (race.root / "seen.json").exists()


@pytest.mark.parametrize("status", [0, 5])
def test_a_gate_that_says_no_keeps_the_champion(race, status):
    """Status 5, or a run that ends well without a new version."""
    race.plan(status=status)

    result = race.retrain()

    assert (result.outcome, result.version_after) == ("kept", 1)


def test_a_failed_run_shows_its_error_and_may_be_tried_again(race):
    """The child's own message, not the traceback of the parent; afterwards the same labels are trained on."""
    race.plan(status=3, says="error: column 'x' is gone.\n  hint: check data.source.")
    with pytest.raises(StepFailed, match=r"status 3: error: column 'x' is gone\.\n  hint: check data\.source"):
        race.retrain()
    race.plan(deploys=2)

    assert race.retrain().outcome == "deployed"
    assert [run.outcome for run in MonitorState(race.state_dir).retrainings(MODEL)] == ["deployed"]


def test_the_child_is_a_run_of_its_own(race, monkeypatch):
    """It must not report into the step that started it, but it records in the same MLflow store."""
    for name in triggers.STEP_VARIABLES:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///here.db")

    race.retrain()

    environment = race.seen["environment"]
    assert not set(triggers.STEP_VARIABLES) & set(environment)
    assert environment["MLFLOW_TRACKING_URI"] == "sqlite:///here.db"


def test_the_child_dies_with_a_step_that_is_killed(race):
    """SIGKILL leaves the step no time to tell anybody; then the step is run again and ends well."""
    code = (
        "import sys; from monitoring.retraining import triggers; "
        "triggers.run_command([sys.executable, '-c', 'import os, time; print(os.getpid(), flush=True); "
        "time.sleep(60)'], lambda line: print(line, flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        parent.kill()
    for _ in range(100):
        if not _runs(child):
            break
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (OSError, ProcessLookupError):
        return False


def test_a_step_that_was_killed_while_training_trains_again(race):
    """The record of the killed attempt does not pass for one that came to its end."""
    MonitorState(race.state_dir).start_retraining(
        MODEL, "other", version=1, folder="/gone", num_labelled=10, now_s=NOW.timestamp()
    )
    first = race.retrain()
    state = MonitorState(race.state_dir)
    state.start_retraining(MODEL, first.key, version=2, folder=first.sources[-1], num_labelled=10, now_s=time.time())

    again = race.retrain()

    assert (again.outcome, again.version_before) == ("deployed", 1)


def test_without_labels_nothing_is_trained(race):
    """No file, or no labelled request: skipped, with the reason."""
    race.label({"ghost": "yes"})
    unknown = race.retrain()
    missing = race.retrain(labels=str(race.root / "nowhere.csv"))

    assert (unknown.outcome, missing.outcome) == ("skipped", "skipped")
    assert "no request in the log has a label" in unknown.why
    assert "nowhere.csv" in missing.why
    assert not (race.root / "seen.json").exists()


def test_an_interrupted_step_leaves_no_child(race, monkeypatch):
    """An error while the child's lines are passed on ends the child too."""
    started = []

    def interrupt(line):
        started.append(int(line))
        raise KeyboardInterrupt

    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    monkeypatch.undo()
    with pytest.raises(KeyboardInterrupt):
        triggers.run_command([sys.executable, "-c", code], interrupt)
    assert not _runs(started[0])
