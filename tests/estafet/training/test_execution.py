"""The way to execute steps is chosen by what it costs in all, and measuring leaves no trace in the learner."""

from __future__ import annotations

import numpy as np
import pytest

from estafet.records.manifest import Manifest
from estafet.training import execution, feeding
from estafet.training.assembly import assemble
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.callbacks.schedule import Schedule
from estafet.training.distribution import strategy_for
from estafet.training.execution import Timing, Way, fastest
from estafet.training.feeding import Position
from estafet.training.keras_patch import build_from_shapes
from estafet.training.learner import Learner
from estafet.training.models import ModelSpec
from estafet.training.plan import Plan

PLAIN, SEVERAL, COMPILED = Way(1, False), Way(16, False), Way(16, True)


def test_several_steps_in_a_call_are_taken_where_each_is_faster():
    timings = {SEVERAL: Timing(2.0, 0.001), PLAIN: Timing(1.0, 0.002)}

    assert fastest(timings, SEVERAL, num_left=10_000, num_shapes=2)[0] == SEVERAL


def test_xla_must_save_more_than_it_takes_to_compile_every_shape():
    """1 ms saved in each of 10,000 steps is 10 s; four shapes of 4 s each are 16 s, and one shape is 4 s."""
    timings = {SEVERAL: Timing(1.0, 0.003), COMPILED: Timing(4.0, 0.002)}

    assert fastest(timings, SEVERAL, num_left=10_000, num_shapes=4)[0] == SEVERAL
    way, why = fastest(timings, SEVERAL, num_left=10_000, num_shapes=1)
    assert way == COMPILED
    assert why == (
        "16 steps a call, with XLA, the fastest of what was measured "
        "(16 steps a call: 3.00 ms a step; 16 steps a call, with XLA: 2.00 ms a step)"
    )


def test_a_gain_within_a_fifth_does_not_change_the_way():
    timings = {SEVERAL: Timing(1.0, 0.0020), PLAIN: Timing(1.0, 0.0018)}

    assert fastest(timings, SEVERAL, num_left=10_000, num_shapes=1)[0] == SEVERAL


@pytest.mark.slow
def test_measuring_chooses_a_way_and_leaves_the_learner_as_it_was(table, monkeypatch):
    """With a limit of no seconds even this short training is measured; XLA, which compiles no words, is left out."""
    monkeypatch.setattr(execution, "MIN_SECONDS_TO_MEASURE", 0.0)
    monkeypatch.setattr(execution, "MIN_MEASURED_S", 0.01)
    plan, strategy, decisions = Plan(20, BatchSchedule(20, 40)), strategy_for("cpu"), {}
    train = feeding.load(table, "train")
    learner = assemble(ModelSpec.from_manifest(Manifest.load(table)), "default", {}, plan, strategy)
    build_from_shapes(learner, train.scheduled_batches(Position.start(), 0))
    before = [np.array(variable) for variable in (*learner.variables, *learner.optimizer.variables)]
    schedule = Schedule(plan.schedule, 0.01, train.num_examples, [], "val_log_loss")

    execution.choose(learner, train, plan, strategy, schedule, decisions)

    for was, variable in zip(before, (*learner.variables, *learner.optimizer.variables), strict=True):
        np.testing.assert_array_equal(was, np.array(variable))
    why = decisions["execution"]["why"]
    assert "(one step a call: " in why and "; 16 steps a call: " in why and "XLA" not in why
    assert learner.steps_per_execution == decisions["execution"]["steps_per_execution"]


@pytest.mark.slow
def test_what_was_chosen_before_and_what_the_run_file_says_is_not_measured(numbers, table, monkeypatch):
    monkeypatch.setattr(execution, "time_steps", None)
    train, strategy = feeding.load(numbers, "train"), strategy_for("cpu")

    def chosen(plan: Plan, decisions: dict) -> dict:
        learner = assemble(ModelSpec.from_manifest(Manifest.load(numbers)), "default", {}, plan, strategy)
        schedule = Schedule(plan.schedule, 0.01, train.num_examples, [], "val_rmse")
        execution.choose(learner, train, plan, strategy, schedule, decisions)
        return {"steps_per_execution": learner.steps_per_execution, "jit_compile": learner.jit_compile}

    words = assemble(
        ModelSpec.from_manifest(Manifest.load(table)), "default", {}, Plan(1, BatchSchedule(1, 1)), strategy
    )
    decisions = {}
    schedule = Schedule(BatchSchedule(1, 1), 0.01, train.num_examples, [], "")
    execution.choose(words, train, Plan(1, BatchSchedule(1, 1), xla="on"), strategy, schedule, decisions)
    assert "cannot compile this model" in decisions["execution"]["why"] and not words.jit_compile
    given = Plan(99, BatchSchedule(1, 1), steps_per_execution=5, xla="off")
    before = {"execution": {"steps_per_execution": 3, "jit_compile": False, "why": ""}}
    assert chosen(given, {}) == {"steps_per_execution": 5, "jit_compile": False}
    assert chosen(given, before) == {"steps_per_execution": 3, "jit_compile": False}


@pytest.mark.slow
def test_a_way_that_was_measured_is_not_traced_again_when_it_is_taken(numbers, monkeypatch):
    traced, step = [], Learner.train_step
    monkeypatch.setattr(Learner, "train_step", lambda self, data: traced.append(data) or step(self, data))
    monkeypatch.setattr(execution, "MIN_MEASURED_S", 0.0)
    plan, strategy, train = Plan(20, BatchSchedule(25, 25)), strategy_for("cpu"), feeding.load(numbers, "train")
    learner = assemble(ModelSpec.from_manifest(Manifest.load(numbers)), "default", {}, plan, strategy)
    build_from_shapes(learner, train.scheduled_batches(Position.start(), 0))
    traced.clear()

    execution.choose(learner, train, plan, strategy, Schedule(plan.schedule, 0.01, 100, [], "val_rmse"), {})
    learner.fit(train.scheduled_batches(Position.start(25), 0), epochs=1, verbose=0)

    assert len(traced) == 1
