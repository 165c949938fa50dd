"""A trial is trained on each slice, ends where it is told to, and is measured at its best epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import optuna
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn_metrics

from components.tune import measuring
from components.tune.slices import Slice
from components.tune.training import Trainer
from estafet.errors import ConfigError, StepFailed
from estafet.records.manifest import Manifest, WindowSpec
from estafet.runfile.steps import TuneSettings
from estafet.runfile.tasks import Task
from estafet.runfile.tune import Rung
from estafet.training import feeding, loop, testing
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.learner import Learner
from estafet.training.models import ModelSpec

CHOSEN = {"learning_rate": 0.02, "batch_size": 20, "units": 4, "layers": 1, "dropout": 0.1, "l2": 1e-4}


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Path:
    """120 rows to learn from and 50 to be judged on: a class that two numbers decide."""
    folder, random = tmp_path_factory.mktemp("rows"), np.random.default_rng(0)

    def part(num_rows: int) -> dict[str, np.ndarray]:
        numeric_NF = random.normal(size=(num_rows, 2)).astype(np.float32)
        noisy_N = numeric_NF.sum(axis=1) + random.normal(size=num_rows)
        return {"numeric": numeric_NF, "label": (noisy_N > 0).astype(np.int64)}

    splits = {"train": part(120), "validation": part(50), "test": part(5)}
    testing.write_table(folder, Task.TABULAR_CLASSIFICATION, splits)
    return folder


@pytest.fixture(scope="module")
def found(rows) -> Slice:
    return Slice(feeding.load(rows, "train"), feeding.load(rows, "validation"))


def _plan(epochs: int, batch_size: int, rate: float) -> loop.Plan:
    schedule = BatchSchedule.constant(batch_size)
    return loop.Plan(epochs, schedule, rate, devices="single", xla="off", seed=3, steps_per_execution=16)


def _trainer(folder, wanted=("log_loss",), metric="log_loss", maximised=False, **tune) -> Trainer:
    manifest = Manifest.load(folder)
    settings = TuneSettings(task=manifest.task, model={}, **tune)
    return Trainer(settings, ModelSpec.from_manifest(manifest), wanted, metric, maximised)


@pytest.mark.slow
def test_a_trial_is_measured_at_its_best_epoch_also_by_what_the_history_does_not_know(rows, found):
    """A training that ends with that epoch gives its weights; scikit-learn judges them."""
    wanted = ("f1_macro", "roc_auc", "log_loss", "latency_ms", "parameters", "size_mb", "seconds")
    trainer, reported = _trainer(rows, wanted, seed=3), []

    measured = trainer.measure(CHOSEN, [found], epochs=4, report=lambda *each: reported.append(each))

    def train(epochs: int) -> loop.Outcome:
        plan, sources = _plan(epochs, 20, 0.02), (found.train, found.validation)
        return loop.fit(trainer.spec, "default", CHOSEN, *sources, plan, workbench=trainer.workbench)

    by_hand = train(4)
    losses = [epoch["val_log_loss"] for epoch in by_hand.history]
    best = int(np.argmin(losses))
    again = train(best + 1)
    model = trainer.workbench.current.learner.model
    model.set_weights(again.weights)
    features, labels = found.validation.arrays
    probabilities = np.asarray(model(features, training=False))

    assert measured.value_curve == losses and reported == list(enumerate(losses, start=1))
    assert measured.metrics["log_loss"] == losses[best]
    assert measured.metrics["accuracy"] == by_hand.history[best]["val_accuracy"]
    assert measured.metrics["roc_auc"] == pytest.approx(sklearn_metrics.roc_auc_score(labels, probabilities[:, 1]))
    predicted = probabilities.argmax(axis=1)
    assert measured.metrics["f1_macro"] == pytest.approx(sklearn_metrics.f1_score(labels, predicted, average="macro"))
    assert measured.metrics["parameters"] == sum(weights.size for weights in again.weights)
    assert measured.metrics["size_mb"] == pytest.approx(4e-6 * measured.metrics["parameters"])
    assert measured.metrics["latency_ms"] > 0 < measured.metrics["seconds"] <= measured.seconds
    assert measured.epochs == 4 and measured.cpu_seconds > 0 and trainer.partial is None


@pytest.mark.slow
def test_trials_that_differ_in_numbers_alone_are_traced_once_and_the_best_may_be_the_highest(rows, found, monkeypatch):
    traced, step = [], Learner.train_step
    monkeypatch.setattr(Learner, "train_step", lambda self, data: traced.append(1) or step(self, data))
    trainer = _trainer(rows, ("roc_auc",), "roc_auc", True, epochs=3)
    others = {"learning_rate": 0.2, "batch_size": 7, "dropout": 0.4, "l2": 0.01}

    first, other = (trainer.measure({**CHOSEN, **more}, [found]) for more in ({}, others))

    assert len(traced) == 1
    assert first.value_curve != other.value_curve and len(first.value_curve) == 3
    for measured in (first, other):
        assert measured.metrics["roc_auc"] == max(measured.value_curve)


@pytest.mark.slow
def test_a_trial_that_is_ended_leaves_what_was_measured_until_then(rows, found):
    trainer = _trainer(rows, ("log_loss", "seconds"), epochs=5)

    def report(step, value):
        if step == 2:
            raise optuna.TrialPruned()

    with pytest.raises(optuna.TrialPruned):
        trainer.measure(CHOSEN, [found], report=report)

    partial = trainer.partial
    assert partial.epochs == len(partial.value_curve) == 2
    assert partial.metrics["log_loss"] == min(partial.value_curve)
    assert 0 < partial.metrics["seconds"] <= partial.seconds


@pytest.mark.slow
def test_rungs_begin_anew_with_more_of_the_slice_and_other_folds_see_the_last_alone(rows, monkeypatch):
    """Half a slice of 80 % of 120 rows is 48; the two rungs with the same share are one training."""
    fits = []
    monkeypatch.setattr(loop, "fit", lambda *args, **kwargs: _note(fits, *args, **kwargs))
    rungs = (Rung(share=0.5, epochs=1), Rung(share=1, epochs=1), Rung(share=1, epochs=2))
    trainer, said, steps = _trainer(rows, rungs=rungs), [], []
    by = {"by": "stratified", "share": 0.8}
    slices = [Slice(feeding.load(rows, "train", **by), feeding.load(rows, "validation")) for _ in range(2)]

    measured = trainer.measure(
        CHOSEN, slices, report=lambda step, value: steps.append(step), progress=lambda *each: said.append(each)
    )

    assert fits == [(48, 1), (96, 3), (96, 3)]
    assert steps == [1, 2, 3, 4] and measured.epochs == 7
    assert measured.value_curve == [0.5, 0.5, 0.4, 0.3]
    assert measured.metrics["log_loss"] == pytest.approx(0.3)
    assert {total for _, _, total in said} == {7} and [done for _, done, _ in said] == [0, 1, 4]


class _Current:
    """Stands in for a learner that was trained."""

    answer = learner = model = None


def _note(fits: list, spec, build, chosen, train, validation, plan, *, on_epoch, progress, workbench):
    """Stand in for a training: its loss falls by a tenth each epoch."""
    fits.append((train.num_examples, plan.epochs))
    workbench.current = _Current
    _Current.learner = _Current.model = _Current
    progress("training", 0, plan.epochs)
    for epoch in range(plan.epochs):
        value = round(0.5 - 0.1 * epoch, 3)
        on_epoch(epoch, {"val_loss": value, "val_log_loss": value, "val_accuracy": 0.5})


@pytest.mark.slow
def test_a_training_that_diverges_is_a_failed_trial_and_the_next_one_is_none_the_worse(rows, found):
    trainer = _trainer(rows, epochs=2)
    before = trainer.measure(CHOSEN, [found])

    with pytest.raises(StepFailed, match=r"diverges|NaN"):
        trainer.measure({**CHOSEN, "learning_rate": 1e6}, [found])

    assert trainer.measure(CHOSEN, [found]).value_curve == before.value_curve


def test_a_trial_that_runs_out_of_memory_says_so(rows, found, monkeypatch):
    def fit(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\nwith more")

    monkeypatch.setattr(loop, "fit", fit)
    with pytest.raises(StepFailed, match="memory ran out: OOM when allocating tensor"):
        _trainer(rows).measure(CHOSEN, [found])


@pytest.mark.parametrize(
    ("wanted", "metric", "said"),
    [
        (("log_loss", "rmse"), "log_loss", "cannot measure 'rmse'; it can accuracy, .*, and the costs latency_ms"),
        (("latency_ms",), "latency_ms", "cannot measure 'latency_ms'; it can accuracy"),
    ],
)
def test_what_a_trial_cannot_measure_is_refused_before_the_first(rows, wanted, metric, said):
    with pytest.raises(ConfigError, match=said):
        _trainer(rows, wanted, metric)


@pytest.mark.parametrize("chosen", [{"batch_size": 0}, {"batch_size": 2.5}, {"learning_rate": 0.0}])
def test_no_training_begins_with_an_impossible_batch_or_rate(rows, found, chosen):
    with pytest.raises(ConfigError, match=r"batch_size .* and learning_rate"):
        _trainer(rows).measure({**CHOSEN, **chosen}, [found])


def test_a_metric_that_the_validation_examples_do_not_define_fails_the_trial(rows, found, monkeypatch):
    """All of one class: there is no ROC curve."""
    monkeypatch.setattr(loop, "fit", lambda *args, **kwargs: _note([], *args, **kwargs))
    monkeypatch.setattr(_Current, "answer", lambda features: np.full((len(features["numeric"]), 2), 0.5))
    features, labels = found.validation.arrays
    of_one = feeding.Source(rows, "validation", 1.0, 50, (features, labels * 0))

    with pytest.raises(StepFailed, match="roc_auc is not defined on the validation split"):
        _trainer(rows, (), "roc_auc", True).measure(CHOSEN, [Slice(found.train, of_one)])


def test_the_skill_of_a_forecast_is_beside_that_of_the_last_season(tmp_path):
    """Values 0, 1, 2, … with a season of two: the naive forecast is always off by two; ours, by one, halves it."""
    window = WindowSpec(lookback=4, horizon=2, stride=1, season=2)
    manifest = testing.write_series(tmp_path, np.arange(60, dtype=np.float32), window)
    spec, validation = ModelSpec.from_manifest(manifest), feeding.load(tmp_path, "validation")

    def answer(features):
        last = features["values"][:, -1:, 0]
        return last + np.array([2.0, 3.0])

    found = measuring.predicted(answer, validation.batches(), spec)

    assert (found["mae"], found["skill"]) == (1, 0.5)
