"""Trials as MLflow runs, in a real store on SQLite: each once, below the step's run, as it was."""

from __future__ import annotations

import threading

import pytest

from components.tune.looking.tracking import LEDGER_FILE, TrialRuns, log_study, nested_run
from estafet.tracking import MlflowTracker, NullTracker


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An MLflow store, and a maker of the run of a step in it."""
    folder = tmp_path_factory.mktemp("mlflow")
    uri, root = f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts")
    return lambda experiment="tuning": MlflowTracker(uri, experiment, "tune", artifact_root=root)


def below(step):
    """Return the runs below a step's run, by name."""
    runs = step.client.search_runs([step.experiment_id], f"tags.`mlflow.parentRunId` = '{step.run_id}'")
    return {run.info.run_name: run for run in runs}


def test_each_trial_is_a_run_with_its_values_its_times_and_what_became_of_it(store, proved):
    step = store()
    first = proved.trials[0].model_copy(update={"started": 1_700_000_000.25})

    with TrialRuns(step, "rmse") as runs:
        for trial in [first, *proved.trials[1:]]:
            runs.log(trial)

    found = below(step)
    assert len(found) == 12
    complete, failed, pruned = (found[f"trial {number}"] for number in (0, 2, 6))
    assert [run.info.status for run in (complete, failed, pruned)] == ["FINISHED", "FAILED", "KILLED"]
    assert complete.data.params == {"learning_rate": "0.0001", "units": "16", "dropout": "0"}
    assert complete.data.metrics["objective"] == complete.data.metrics["rmse"] == 0.9
    assert (complete.info.start_time, complete.info.end_time) == (1_700_000_000_250, 1_700_000_008_250), "8 s"
    curve = step.client.get_metric_history(complete.info.run_id, "val_rmse")
    assert [(point.step, point.value) for point in curve] == list(enumerate(first.curve))
    assert failed.data.tags["estafet.reason"] == "ValueError: <units>"
    assert "objective" not in failed.data.metrics
    assert pruned.data.tags["estafet.state"] == "pruned"


def test_a_step_that_goes_on_takes_its_trials_over_and_writes_none_twice(store, proved, tmp_path):
    killed, again = store("killed"), store("killed")
    with TrialRuns(killed, "rmse", tmp_path) as runs:
        for trial in proved.trials[:3]:
            runs.log(trial)
    with open(tmp_path / LEDGER_FILE, "a") as file:
        file.write('{"name": "trial 3", "ru')

    with TrialRuns(again, "rmse", tmp_path) as runs:
        for trial in proved.trials[:5]:
            runs.log(trial)

    assert below(killed) == {}
    assert sorted(below(again)) == [f"trial {number}" for number in range(5)]
    experiment = again.client.get_experiment_by_name("killed").experiment_id
    assert len(again.client.search_runs([experiment])) == 7, "two steps and five trials"


def test_a_run_that_was_deleted_meanwhile_is_written_anew(store, proved, tmp_path):
    step = store("deleted")
    with TrialRuns(step, "rmse", tmp_path) as runs:
        runs.log(proved.trials[0])
    step.client.delete_run(below(step)["trial 0"].info.run_id)

    with TrialRuns(step, "rmse", tmp_path) as runs:
        runs.log(proved.trials[0])

    assert list(below(step)) == ["trial 0"]


def test_trials_on_a_slice_that_grew_have_runs_of_their_own(store, proved, tmp_path):
    step = store("grown")
    for share in ("10 %", "20 %"):
        with TrialRuns(step, "rmse", tmp_path, share) as runs:
            runs.log(proved.trials[0])

    assert sorted(below(step)) == ["trial 0 on 10 %", "trial 0 on 20 %"]


class Gone(NullTracker):
    """A tracker whose server is away, and which says when it was asked."""

    def __init__(self):
        self.asked = threading.Event()

    def log_run(self, run, known=None):
        self.asked.set()
        raise ConnectionError("the server went away")


def test_a_server_that_went_away_is_told_of_at_the_end_and_at_the_next_trial(proved):
    with pytest.raises(ConnectionError, match="went away"):
        with TrialRuns(Gone(), "rmse") as runs:
            runs.log(proved.trials[0])

    tracker = Gone()
    runs = TrialRuns(tracker, "rmse")
    runs.log(proved.trials[0])
    runs._thread.join()
    with pytest.raises(ConnectionError, match="went away"):
        runs.log(proved.trials[1])


def test_what_ended_the_search_is_told_and_not_what_became_of_tracking(proved):
    with pytest.raises(KeyboardInterrupt):
        with TrialRuns(Gone(), "rmse") as runs:
            runs.log(proved.trials[0])
            raise KeyboardInterrupt


def test_a_broken_constraint_is_a_tag(make):
    run = nested_run(make.trial(0, 0.5, violations={"size_mb <= 1": 0.5}), "rmse")

    assert run.tags["estafet.breaks"] == "size_mb <= 1 (by 0.5)"
    assert "estafet.reason" not in run.tags


def test_the_steps_own_run_says_what_was_found_and_keeps_the_folder(store, proved, tmp_path):
    step = store("found")
    proved.save(tmp_path)

    log_study(proved, tmp_path, step)

    run = step.client.get_run(step.run_id)
    assert run.data.params["best.units"] == str(proved.best.hyperparameters["units"])
    assert run.data.params["best_trial"] == "5"
    found = {name: run.data.metrics[name] for name in ("objective", "rho", "rho_low", "tau", "regret", "times_cheaper")}
    assert found == {"objective": 0.4, "rho": 0.91, "rho_low": 0.78, "tau": 0.8, "regret": 0.013, "times_cheaper": 11}
    assert (run.data.metrics["trials"], run.data.metrics["pruned"], run.data.metrics["failed"]) == (12, 2, 1)
    assert run.data.tags["mlflow.note.content"].startswith("12 trials (2 pruned, 1 failed) on 20 %")
    assert [file.path for file in step.client.list_artifacts(step.run_id)] == ["study.json"]
