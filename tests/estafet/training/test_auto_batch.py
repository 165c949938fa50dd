"""The race of batch sizes: where it begins, when it is left out, and that its winner's steps count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from estafet.records.manifest import Manifest
from estafet.runfile.batch import Batch
from estafet.runfile.tasks import Task
from estafet.training import auto_batch, feeding, loop, testing
from estafet.training.auto_batch import Choice, best_size, decided
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.models import ModelSpec


def test_the_fastest_size_follows_from_the_fixed_cost_of_a_step():
    """0.7 ms + 2.6 µs · batch: √(1000 · 0.7 / 0.0026) = 519. With 30 times the slope it is 95, nearest to 128."""
    assert best_size(32, 0.7832, 512, 2.0312) == 512
    assert best_size(32, 0.7832, 200, 1.22) == 200
    assert best_size(32, 0.7 + 32 * 0.078, 256, 0.7 + 256 * 0.078) == 128


def test_where_an_example_costs_all_small_batches_are_fastest():
    assert best_size(32, 0.032, 256, 0.256) == 32


def test_a_short_training_takes_the_usual_schedule_and_says_so(numbers):
    train = feeding.load(numbers, "train")
    plan = loop.Plan(10, BatchSchedule.from_settings(Batch.model_validate("auto"), 10), auto_batch=True)

    choice = auto_batch.choose(None, train, train, plan, "rmse")

    assert choice.schedule == BatchSchedule(32, 256, boundaries=(2, 3, 5))
    assert choice.learning_rate == plan.learning_rate and choice.num_batches == 0
    assert "40 steps of 100 examples are too few to race for" in choice.why


def test_a_race_whose_calls_take_more_steps_than_an_epoch_has_is_left_out(numbers, monkeypatch):
    """With 100 examples a batch of 2 has 50 steps an epoch, and a call would take 60, and so run out of data."""
    monkeypatch.setattr(auto_batch, "MIN_STEPS", 10)
    monkeypatch.setattr(auto_batch, "LEAST_TRAINING", 1)
    train = feeding.load(numbers, "train")
    plan = loop.Plan(1000, BatchSchedule(1, 64), auto_batch=True, steps_per_execution=60)

    assert "too few to race for" in auto_batch.choose(None, train, train, plan, "rmse").why


def test_a_choice_is_made_again_from_what_was_kept():
    choice = Choice(BatchSchedule(64, 256, when="plateau"), 0.004, 200, (), "64 examples")

    assert decided(choice.described()) == replace(choice, num_batches=0)


@pytest.mark.slow
def test_the_winner_goes_on_as_if_it_had_been_chosen_from_the_start(tmp_path, monkeypatch):
    """With every constant made small, a race of a few steps is run; its winner's training equals one without a race."""
    for name, value in {"MIN_STEPS": 10, "NUM_STEPS": 12, "LEAST_TRAINING": 1, "NUM_TIMED_STEPS": 2}.items():
        monkeypatch.setattr(auto_batch, name, value)
    monkeypatch.setattr(auto_batch, "best_size", lambda *_: 32)
    random = np.random.default_rng(0)
    values_NF = random.normal(size=(600, 3)).astype(np.float32)
    rows = {"numeric": values_NF, "label": (values_NF @ [3.0, -2.0, 1.0]).astype(np.float32)}
    testing.write_table(tmp_path, Task.TABULAR_REGRESSION, dict.fromkeys(("train", "validation", "test"), rows))
    spec = ModelSpec.from_manifest(Manifest.load(tmp_path))
    train, validation = feeding.load(tmp_path, "train"), feeding.load(tmp_path, "validation")
    auto = loop.Plan(5, BatchSchedule(8, 256), 1e-4, auto_batch=True)

    chosen = loop.fit(spec, "default", {"dropout": 0.0}, train, validation, auto)

    batch = chosen.decisions["batch"]
    assert (batch["start"], batch["limit"], batch["when"]) == (32, 128, "plateau")
    assert batch["learning_rate"] == pytest.approx(2e-4)  # so low a rate is better doubled
    assert batch["why"].startswith("32 examples, later up to 128, at a rate of 0.0002: a step takes ")
    told = loop.Plan(5, BatchSchedule(32, 128, when="plateau"), batch["learning_rate"])
    plain = loop.fit(spec, "default", {"dropout": 0.0}, train, validation, told)
    for ours, theirs in zip(chosen.weights, plain.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    names = [name for name in plain.history[0] if name not in ("seconds", "examples_per_s")]
    assert [[epoch[name] for name in names] for epoch in chosen.history] == [
        [epoch[name] for name in names] for epoch in plain.history
    ]
