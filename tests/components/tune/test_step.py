"""The tune step: it finds what is better, proves it on more data, goes on after a kill, and says what went wrong."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from components.tune import step, training
from components.tune.result import Study
from components.tune.training import Measured
from estafet.errors import ConfigError, Preempted, StepFailed
from estafet.records.manifest import Manifest
from estafet.runfile.tasks import Task
from estafet.tracking import NullTracker
from estafet.training import testing


class Remembering(NullTracker):
    """A tracker that remembers nested runs, metrics and files."""

    def __init__(self):
        self.runs, self.metrics, self.files = [], {}, []

    def log_run(self, run, known=None):
        self.runs.append(run)
        return run.name

    def log_metrics(self, metrics, step=None):
        self.metrics |= metrics

    def log_file(self, path, folder=""):
        self.files += sorted(found.name for found in Path(path).iterdir())


@pytest.fixture(scope="module")
def line(tmp_path_factory) -> Path:
    """A regression that is a straight line: 200 rows for training, 50 for validation."""
    folder, x = tmp_path_factory.mktemp("line"), np.random.default_rng(0).normal(size=(300, 1)).astype(np.float32)
    parts = {"train": x[:200], "validation": x[200:250], "test": x[250:]}
    rows = {name: {"numeric": part, "label": 3 * part[:, 0] + 100} for name, part in parts.items()}
    testing.write_table(folder, Task.TABULAR_REGRESSION, rows)
    return folder


def _settings(rates: list[float] | None = None, hyperparameters: dict | None = None, **tune) -> step.Settings:
    space = {"space": {"learning_rate": {"choices": rates}}} if rates else {}
    chosen = {"epochs": 2, "subsample": 0.5, "pruner": "none", "search": "grid", **space, **tune}
    model = {"build": "mlp", "hyperparameters": {"layers": 1, "units": 4, **(hyperparameters or {})}}
    return step.Settings.model_validate({"task": Task.TABULAR_REGRESSION, "model": model, **chosen})


@pytest.fixture
def measured(monkeypatch):
    """In place of each training a formula: the distance of the rate's logarithm from a best one that data may move."""
    calls = []

    def install(best_of, *, epochs: int = 2):
        class Formula:
            partial = None

            def __init__(self, *rest):
                pass

            def part(self, source, share):
                return source

            def measure(self, hyperparameters, slices, *, epochs=epochs, report=None, **rest):
                rate, num_examples = hyperparameters["learning_rate"], slices[0].train.num_examples
                calls.append((rate, num_examples))
                value = 1 + abs(math.log10(rate) - best_of(num_examples))
                for epoch in range(epochs):
                    if report:
                        report(epoch + 1, value)
                seconds = num_examples * epochs / 1000
                return Measured([value] * epochs, {"rmse": value, "mae": value}, epochs, seconds, seconds)

        monkeypatch.setattr(training, "Trainer", Formula)
        return calls

    return install


@pytest.mark.slow
def test_a_grid_finds_the_rate_that_learns_and_proves_it_on_all_data(line, tmp_path):
    """Of these rates, 1e-6 and the default learn next to nothing in two epochs, on the slice and on all data."""
    tracker, lines = Remembering(), []
    settings = _settings([1e-6, 0.1, 1e-3], trials=3, proof={"best": 2, "middle": 1})

    study = step.tune(
        settings,
        line,
        tmp_path / "out",
        scratch=tmp_path / "scratch",
        tracker=tracker,
        progress=lambda message, done=None, total=None: lines.append(message),
    )

    tried = [trial.hyperparameters["learning_rate"] for trial in study.trials]
    assert tried[0] == 1e-3 and sorted(tried) == [1e-6, 1e-3, 0.1]
    assert json.loads(study.hyperparameters_json) == {"learning_rate": 0.1}
    assert (study.num_examples, study.by, study.search, study.ended_by) == (100, "random", "grid", "space")
    assert (study.proof.num_examples, study.proof.winner) == (200, study.best.number)
    assert study.proof.regret == 0
    assert min(trial.value for trial in study.trials) == study.best.value
    assert Study.load(tmp_path / "out") == study
    assert (tmp_path / "out" / "history.png").read_bytes()[1:4] == b"PNG"
    assert tracker.files == ["history.png", "report.html", "study.json"]
    assert [run.name for run in tracker.runs] == ["trial 0", "trial 1", "trial 2"]
    assert tracker.metrics["regret"] == 0 and tracker.metrics["trials"] == 3
    foreseen = {line for line in lines if "about" in line}
    assert len(foreseen) == 1 and foreseen.pop().startswith("trial 0/3 · about ")  # until a trial has ended
    assert any("3 trials × 2 epochs × 100 examples, and 3 again × 1 epoch × 200" in line for line in lines)
    assert lines.index("reading the examples") < min(i for i, line in enumerate(lines) if line.startswith("trial 1/3"))
    assert not (tmp_path / "scratch").exists()


@pytest.mark.slow
def test_a_search_that_was_killed_keeps_its_trials_and_tries_the_broken_one_again(line, tmp_path):
    settings = _settings([1e-3, 0.01, 0.1], trials=3, proof=False)
    code = """
        import os, signal, sys
        from components.tune import step, training
        measure = training.Trainer.measure
        def kill_in_the_second(self, hyperparameters, *rest, **more):
            if hyperparameters["learning_rate"] != 1e-3:
                os.kill(os.getpid(), signal.SIGKILL)
            return measure(self, hyperparameters, *rest, **more)
        training.Trainer.measure = kill_in_the_second
        settings = step.Settings.model_validate_json(sys.argv[1])
        step.tune(settings, sys.argv[2], sys.argv[3], scratch=sys.argv[4])
    """
    places = [str(line), str(tmp_path / "out"), str(tmp_path / "scratch")]
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), settings.model_dump_json(exclude_none=True), *places],
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
    assert "trial 0/3" not in begun and {"trial 1/3", "trial 3/3"} <= set(begun)


@pytest.mark.slow
def test_a_trial_that_blows_up_fails_alone_and_all_of_them_fail_the_step(line, tmp_path):
    mixed = _settings([1e30, 0.01], trials=2)

    study = step.tune(mixed, line, tmp_path / "out", scratch=tmp_path / "scratch")

    assert sorted(trial.state for trial in study.trials) == ["complete", "failed"]
    assert "learning rate of 1e+30" in next(trial.reason for trial in study.trials if trial.state == "failed")
    assert study.proof is None
    hopeless = _settings([1e30, 2e30], trials=2)
    with pytest.raises(StepFailed, match=r"trials? (failed|.*learning rate)") as caught:
        step.tune(hopeless, line, tmp_path / "none", scratch=tmp_path / "scratch2")
    assert "tune.space" in caught.value.hint
    assert not (tmp_path / "none").exists()


def test_more_data_have_the_last_word(line, tmp_path, measured):
    """On the slice of 100 a rate of 0.01 is best, on all 200 one of 0.001: the regret is 2 − 1 of 1."""
    calls = measured(lambda num_examples: -2 if num_examples < 200 else -3)
    settings = _settings([1e-4, 1e-3, 1e-2, 1e-1, 1.0], trials=5, proof={"best": 3, "middle": 0, "halving": False})

    study = step.tune(settings, line, tmp_path / "out", scratch=tmp_path / "scratch")

    assert study.hyperparameters == {"learning_rate": 1e-3}
    own = next(trial.number for trial in study.trials if trial.hyperparameters["learning_rate"] == 1e-2)
    assert (study.proof.slices_own, study.proof.regret) == (own, pytest.approx(1.0))
    assert f"slice alone would have chosen trial {own}" in study.why
    assert {rate for rate, num_examples in calls if num_examples == 200} == {1e-3, 1e-2, 1e-1} | {1e-3}
    # 5 trials of 2 epochs on 100 take 1 s, the proof's 3 on 200 take 1.2 s; all 5 on 200, 2 s
    assert study.cost.times_cheaper == pytest.approx(2 / 2.2, abs=0.01)


def test_a_slice_that_ranks_wrongly_grows_and_the_better_half_is_tried_again(line, tmp_path, measured):
    """On fewer than 40 rows the best rate is at the wrong end; from 40 on, the slice ranks as all data do."""
    calls = measured(lambda num_examples: 0 if num_examples < 40 else -6)
    rates = [10.0**power for power in range(-6, 1)]
    settings = _settings(rates, trials=7, subsample="auto", proof={"best": 4, "middle": 3, "halving": False})

    study = step.tune(settings, line, tmp_path / "out", scratch=tmp_path / "scratch")

    assert study.share == 0.2
    assert study.hyperparameters == {"learning_rate": 1e-6}
    assert study.proof.rho.value == pytest.approx(1)
    assert "a slice of 10 % was too small" in " ".join(study.notes).lower()
    assert {num_examples for _, num_examples in calls} == {20, 40, 200}
    assert len([1 for _, num_examples in calls if num_examples == 200]) == 7  # the second proof trains none again
    assert study.cost.proof_seconds == pytest.approx(7 * 0.4)


def test_a_proof_that_is_told_to_end_goes_on_with_what_is_left(line, tmp_path, measured, monkeypatch):
    calls = measured(lambda num_examples: -2)
    measure = training.Trainer.measure

    def ended_in_the_second(self, hyperparameters, slices, **more):
        if slices[0].train.num_examples == 200 and len([1 for _, num in calls if num == 200]) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return measure(self, hyperparameters, slices, **more)

    settings = _settings([1e-4, 1e-3, 1e-2, 1e-1], trials=4, proof={"best": 3, "middle": 0, "halving": False})
    places = {"dataset_folder": line, "out_folder": tmp_path / "out", "scratch": tmp_path / "scratch"}
    monkeypatch.setattr(training.Trainer, "measure", ended_in_the_second)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with pytest.raises(Preempted, match="SIGTERM") as caught:
            step.tune(settings, **places)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "same command" in caught.value.hint
    monkeypatch.setattr(training.Trainer, "measure", measure)

    study = step.tune(settings, **places)

    assert len(study.proof.reranked) == 3
    assert len([1 for _, num_examples in calls if num_examples == 200]) == 3  # none of them twice
    assert len([1 for _, num_examples in calls if num_examples == 100]) == 2 + 4  # two tell what an example costs


def test_nothing_is_proved_where_the_slice_is_all_there_is(line, tmp_path, measured):
    calls = measured(lambda num_examples: -2)

    study = step.tune(
        _settings([1e-2, 1e-1], trials=2, subsample=1.0), line, tmp_path / "out", scratch=tmp_path / "scratch"
    )

    assert study.proof is None and study.best.hyperparameters == {"learning_rate": 1e-2}
    assert [rate for rate, _ in calls if rate != 1e-3] in ([1e-2, 1e-1], [1e-1, 1e-2])


def test_folds_count_in_what_all_data_would_have_cost(line, tmp_path, measured, monkeypatch):
    """In the first fold a trial learns from 25 of 50 rows and is judged on 25 of 200; judging costs a third."""
    measured(lambda num_examples: -2)
    manifest = Manifest.load(line)
    folds = tuple(manifest.splits[name] for name in ("train", "validation"))
    splits = {"train": folds[1], "validation": folds[0], "test": manifest.splits["test"]}
    shutil.copytree(line, tmp_path / "folds")
    manifest.model_copy(update={"folds": folds, "splits": splits}).save(tmp_path / "folds")
    measure = training.Trainer.measure

    def on_both(self, hyperparameters, slices, **more):
        found = measure(self, hyperparameters, slices, **more)
        return dataclasses.replace(found, epochs=2 * found.epochs, seconds=2 * found.seconds)

    monkeypatch.setattr(training.Trainer, "measure", on_both)
    settings = _settings([1e-3, 1e-2], trials=2, proof=False)

    study = step.tune(settings, tmp_path / "folds", tmp_path / "out", scratch=tmp_path / "scratch")

    assert study.num_folds == 2
    assert study.cost.times_cheaper == pytest.approx((50 + 200 / 3) / (25 + 25 / 3), rel=0.01)


def test_a_best_value_on_a_border_is_named(line, tmp_path, measured):
    measured(lambda num_examples: 3)
    settings = _settings(None, trials=4, space={"learning_rate": {"low": 1e-4, "high": 1e-1, "scale": "log"}})

    study = step.tune(settings, line, tmp_path / "out", scratch=tmp_path / "scratch")

    assert study.best.hyperparameters == {"learning_rate": 1e-1}
    assert any("learning_rate" in note and "upper" in note for note in study.notes)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"space": {"leaning_rate": {"low": 1e-4, "high": 1e-1}}}, "leaning_rate"),
        ({"space": {"batch_size": {"low": 3.2, "high": 3.4}}}, "no whole number"),
        ({"space": {"learning_rate": {"low": 0, "high": 0.1}}}, "above 0"),
        ({"hyperparameters": {"learning_rate": 0.01}, "space": {"learning_rate": {"choices": [1, 2]}}}, "nothing left"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused_before_anything_is_trained(line, tmp_path, measured, changed, said):
    calls = measured(lambda num_examples: 0)
    settings = _settings(None, changed.pop("hyperparameters", None), trials=2, **changed)

    with pytest.raises(ConfigError, match=said):
        step.tune(settings, line, tmp_path / "out", scratch=tmp_path / "scratch")

    assert not calls and not (tmp_path / "out").exists()
