"""The tune step: it finds what is better, goes on after a kill, and says what went wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from components.tune import step
from components.tune.result import Study
from estafet.errors import ConfigError, StepFailed
from estafet.records.manifest import Manifest
from estafet.runfile.tasks import Task
from estafet.tracking import NullTracker
from estafet.training import testing


class Remembering(NullTracker):
    """A tracker that remembers metrics by step."""

    def __init__(self):
        self.metrics = {}

    def log_metrics(self, metrics, step=None):
        self.metrics[step] = dict(metrics)


@pytest.fixture(scope="module")
def line(tmp_path_factory) -> Path:
    """A regression that is a straight line: 200 rows for training, 50 for validation."""
    folder, x = tmp_path_factory.mktemp("line"), np.random.default_rng(0).normal(size=(300, 1)).astype(np.float32)
    parts = {"train": x[:200], "validation": x[200:250], "test": x[250:]}
    rows = {name: {"numeric": part, "label": 3 * part[:, 0] + 100} for name, part in parts.items()}
    testing.write_table(folder, Task.TABULAR_REGRESSION, rows)
    return folder


def _settings(hyperparameters: dict | None = None, **tune) -> step.Settings:
    chosen = {"trials": 3, "epochs": 2, "subsample": 0.5, "pruner": "none", **tune}
    model = {"hyperparameters": {"layers": 1, "units": 4, **(hyperparameters or {})}}
    return step.Settings.model_validate({"task": Task.TABULAR_REGRESSION, "model": model, **chosen})


@pytest.mark.slow
def test_a_grid_finds_the_learning_rate_that_learns(line, tmp_path):
    """The default rate comes first; of the grid's own two, 1e-6 learns nothing in two epochs."""
    tracker = Remembering()
    settings = _settings(sampler="grid", search={"learning_rate": {"choices": [1e-6, 0.03, 1e-3]}}, trials=4)

    study = step.tune(settings, line, tmp_path / "out", scratch=tmp_path / "scratch", tracker=tracker)

    tried = [trial.hyperparameters["learning_rate"] for trial in study.trials]
    assert tried[0] == 1e-3 and sorted(tried) == [1e-6, 1e-3, 0.03]
    assert json.loads(study.hyperparameters_json) == {"learning_rate": 0.03}
    assert study.num_examples == 100
    assert study.objective == "rmse"
    values = {number: metrics["objective"] for number, metrics in tracker.metrics.items()}
    assert values == {trial.number: trial.value for trial in study.trials}
    assert min(values.values()) == study.best.value
    assert Study.load(tmp_path / "out") == study
    assert (tmp_path / "out" / "history.png").read_bytes()[1:4] == b"PNG"
    assert not (tmp_path / "scratch").exists()
    assert step.summary(study).startswith("3 trials · best validation rmse ")


@pytest.mark.slow
def test_fixed_hyperparameters_are_not_searched_and_one_trial_is_enough_when_all_are(line, tmp_path):
    settings = _settings({"learning_rate": 0.01}, search={"learning_rate": {"choices": [0.1, 0.2]}})

    study = step.tune(settings, line, tmp_path / "out", scratch=tmp_path / "scratch")

    assert study.hyperparameters_json == "{}"
    assert len(study.trials) == 1


@pytest.mark.slow
def test_a_search_that_was_killed_keeps_its_trials_and_tries_the_broken_one_again(line, tmp_path):
    settings = _settings(sampler="grid", search={"learning_rate": {"choices": [1e-3, 0.01, 0.1]}})
    code = """
        import os, signal, sys
        from pathlib import Path
        from components.tune import step
        told = step._track
        def kill_in_the_second(shared, train, validation, chosen, *rest, fit=step._fit):
            if chosen["learning_rate"] != 1e-3:
                os.kill(os.getpid(), signal.SIGKILL)
            return fit(shared, train, validation, chosen, *rest)
        step._fit = kill_in_the_second
        settings = step.Settings.model_validate_json(sys.argv[1])
        step.tune(settings, sys.argv[2], sys.argv[3], scratch=sys.argv[4])
    """
    places = [str(line), str(tmp_path / "out"), str(tmp_path / "scratch")]
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), settings.model_dump_json(), *places],
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    begun = []

    study = step.tune(
        settings,
        line,
        tmp_path / "out",
        scratch=tmp_path / "scratch",
        progress=lambda message, done=None, total=None: begun.append(message.split(" ·")[0]),
    )

    assert [trial.number for trial in study.trials] == [0, 1, 2]
    assert sorted(trial.hyperparameters["learning_rate"] for trial in study.trials) == [1e-3, 0.01, 0.1]
    assert "trial 1/3" not in begun and {"trial 2/3", "trial 3/3"} <= set(begun)


@pytest.mark.slow
def test_a_trial_that_blows_up_fails_alone_and_all_of_them_fail_the_step(line, tmp_path):
    mixed = _settings(sampler="grid", search={"learning_rate": {"choices": [1e30, 0.01]}}, trials=2)

    study = step.tune(mixed, line, tmp_path / "out", scratch=tmp_path / "scratch")

    assert sorted(trial.state for trial in study.trials) == ["complete", "failed"]
    assert "learning rate of 1e+30" in next(trial.reason for trial in study.trials if trial.state == "failed")
    hopeless = _settings(sampler="random", search={"learning_rate": {"choices": [1e30]}}, trials=2)
    with pytest.raises(StepFailed, match="none of 2 trials succeeded") as caught:
        step.tune(hopeless, line, tmp_path / "none", scratch=tmp_path / "scratch2")
    assert "tune.search" in caught.value.hint
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_a_hopeless_trial_is_pruned_and_does_not_win(line, tmp_path):
    """With this seed 1e-7 comes last, when there are five to compare with; it ends after its second epoch."""
    rates = [0.05, 0.04, 0.03, 0.02, 0.01, 1e-7]
    settings = _settings(
        sampler="grid", pruner="percentile", trials=6, epochs=5, seed=8, search={"learning_rate": {"choices": rates}}
    )

    study = step.tune(settings, line, tmp_path / "out", scratch=tmp_path / "scratch")

    hopeless = study.trials[5]
    assert hopeless.hyperparameters == {"learning_rate": 1e-7}
    assert (hopeless.state, hopeless.epochs) == ("pruned", 2)
    assert study.best.state == "complete" and study.best.hyperparameters["learning_rate"] > 0.005


@pytest.fixture
def folded(line, tmp_path) -> Path:
    """The line's training and validation rows as folds of 200, 50 and 50 rows."""
    folder, manifest = shutil.copytree(line, tmp_path / "folded"), Manifest.load(line)
    folds = tuple(manifest.splits[name] for name in ("train", "validation", "test"))
    manifest.model_copy(update={"folds": folds}).save(folder)
    return folder


def test_with_folds_a_trial_is_judged_by_their_mean_and_pruned_by_the_first(folded, tmp_path, monkeypatch):
    """The held-out losses are 1, 2 and 6, so 3 on average; the last trial's is 9 on the first fold, and it ends."""
    seen = []

    def fit(spec, build, chosen, train, validation, plan, *, on_epoch, progress):
        seen.append((train.num_examples, validation.num_examples))
        loss = 9.0 if chosen["learning_rate"] == 1e-7 else [1.0, 2.0, 6.0][validation.fold]
        history = [{"val_rmse": loss + 1}, {"val_rmse": loss}]
        for epoch, values in enumerate(history):
            on_epoch(epoch, values)
        return SimpleNamespace(history=history)

    monkeypatch.setattr(step.loop, "fit", fit)
    search = {"learning_rate": {"choices": [0.05, 0.04, 0.03, 0.02, 0.01, 1e-7]}}
    settings = _settings(sampler="grid", pruner="percentile", trials=6, seed=8, subsample=1.0, search=search)

    study = step.tune(settings, folded, tmp_path / "out", scratch=tmp_path / "scratch")

    by_state = {trial.state: trial for trial in study.trials}
    assert seen[:3] == [(100, 200), (250, 50), (250, 50)]
    assert (by_state["complete"].value, by_state["complete"].epochs) == (3, 6)
    assert (by_state["pruned"].value, by_state["pruned"].epochs) == (9, 2)
    assert study.num_folds == 3
    assert step.summary(study).endswith("best validation rmse 3 over 3 folds")


def test_a_batch_size_that_is_no_whole_number_is_refused(line, tmp_path):
    settings = _settings(search={"batch_size": {"low": 3.2, "high": 3.4}})

    with pytest.raises(ConfigError, match="batch_size 3") as caught:
        step.tune(settings, line, tmp_path / "out", scratch=tmp_path / "scratch")

    assert "integer: true" in caught.value.hint


def test_the_search_space_has_one_order_whatever_order_the_run_file_came_in():
    """Kubeflow hands maps over in any order; another order of drawing would be another search with the same seed."""
    ranges = {"units": {"choices": [8, 16]}, "l2": {"low": 0.001, "high": 0.1}, "a": {"low": 0, "high": 1}}

    orders = [
        list(step._distributions(_settings(search=dict(pairs)), None, {}))
        for pairs in (ranges.items(), reversed(ranges.items()))
    ]

    assert orders == [["a", "l2", "units"]] * 2
