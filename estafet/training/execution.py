"""How steps are executed: how many in one call of TensorFlow, and whether XLA compiles them; measured where it pays."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from estafet.training.batch_schedule import num_steps, total_steps
from estafet.training.callbacks.schedule import Schedule
from estafet.training.distribution import distributed
from estafet.training.feeding import Position, Replicas, Source
from estafet.training.learner import Learner
from estafet.training.plan import Plan

STEPS_PER_EXECUTION = 16
MIN_STEPS_FOR_SEVERAL = 64
MIN_SECONDS_TO_MEASURE = 60.0
"""A training that is expected to take less than this is over before the measuring would have paid."""
NUM_REPEATS = 3
MIN_MEASURED_S = 0.3
SAFETY = 1.2
"""A way that is not faster by more than this, its compiling included, is not worth a risk."""


@dataclass(frozen=True)
class Way:
    """One way to execute steps.

    Attributes:
        steps_per_execution: Optimiser steps in one call.
        jit_compile: Whether XLA compiles them.
    """

    steps_per_execution: int
    jit_compile: bool

    def __str__(self) -> str:
        count = "one step" if self.steps_per_execution == 1 else f"{self.steps_per_execution} steps"
        return f"{count} a call{', with XLA' if self.jit_compile else ''}"


@dataclass(frozen=True)
class Timing:
    """What a way costs.

    Attributes:
        first_s: Seconds of the first call, tracing and compiling included.
        step_s: Seconds of each further step.
    """

    first_s: float
    step_s: float


def choose(
    learner: Learner,
    train: Source,
    plan: Plan,
    strategy: tf.distribute.Strategy,
    schedule: Schedule,
    decisions: dict[str, Any],
) -> None:
    """Choose how steps are executed, and let the learner do so; the choice is added to `decisions`.

    What an earlier process chose stays. Several steps in one call save up to half the time of small steps, but take
    longer to trace, and Keras 3.15 breaks on them with several replicas ("You must feed a value for placeholder
    tensor"). XLA saves more, and takes seconds to compile each shape of a batch; so both are measured only where the
    training is long.

    Args:
        learner: A compiled learner; its state is the same afterwards.
        train: What it learns from.
        plan: What the run file asks for.
        strategy: The distribution strategy.
        schedule: Knows the batch sizes.
        decisions: What has been decided.
    """
    if found := decisions.get("execution"):
        _apply(learner, Way(int(found["steps_per_execution"]), bool(found["jit_compile"])))
        return
    first = min(schedule.schedule.start, train.num_examples)
    if strategy.num_replicas_in_sync > 1:
        several_processes = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        way, why = Way(1, plan.xla == "on" and not several_processes), ""
        if (plan.steps_per_execution or 1) > 1:
            why = "one step a call: Keras cannot take several with several replicas"
    else:
        several = num_steps(train.num_examples, first) >= MIN_STEPS_FOR_SEVERAL
        usual = Way(plan.steps_per_execution or (STEPS_PER_EXECUTION if several else 1), plan.xla == "on")
        way, why = _measured(learner, train, plan, schedule, usual) if learner.part_size is None else (usual, "")
    _apply(learner, way)
    if way.jit_compile and not learner.jit_compile:
        why = "without XLA, which cannot compile this model: it has layers for words"
    decisions["execution"] = {
        "steps_per_execution": way.steps_per_execution,
        "jit_compile": learner.jit_compile,
        "why": why,
    }


def _apply(learner: Learner, way: Way) -> None:
    if learner.train_function is not None and way == Way(learner.steps_per_execution, learner.jit_compile):
        return  # it is traced already
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Model doesn't support `jit_compile=True`")  # what it then is, is looked at
        learner.steps_per_execution, learner.jit_compile = way.steps_per_execution, way.jit_compile
    learner.train_function = None


def _measured(learner: Learner, train: Source, plan: Plan, schedule: Schedule, usual: Way) -> tuple[Way, str]:
    """Return the fastest way and why, or the usual one where the training is too short to find out."""
    others = _others(plan, usual)
    steps = total_steps(schedule.schedule, train.num_examples, plan.epochs - len(schedule.history))
    if not others or sum(steps.values()) < MIN_STEPS_FOR_SEVERAL:
        return usual, ""
    first = min(schedule.schedule.start, train.num_examples)
    with unchanged(learner):
        # Steps of larger batches are taken to cost in proportion: dear steps are those that decide.
        expected_steps = sum(count * size / first for size, count in steps.items())
        roughly = time_steps(learner, usual, train, first, plan.seed, measured_s=0.0)
        if expected_steps * roughly.step_s < MIN_SECONDS_TO_MEASURE:
            return usual, ""
        again = time_steps(learner, usual, train, first, plan.seed)
        timings = {usual: Timing(roughly.first_s, again.step_s)}
        for way in others:
            try:
                timings[way] = time_steps(learner, way, train, first, plan.seed)
            except (tf.errors.OpError, ValueError, TypeError, NotImplementedError):
                continue  # not all models can be compiled
    return fastest(timings, usual, expected_steps, num_shapes=2 * len(steps))


def _others(plan: Plan, usual: Way) -> list[Way]:
    counts = (plan.steps_per_execution,) if plan.steps_per_execution else (1, STEPS_PER_EXECUTION)
    compiled = {"auto": (False, True), "on": (True,), "off": (False,)}[plan.xla]
    ways = [Way(count, jit) for count in counts for jit in compiled if not (jit and count == 1 and len(counts) > 1)]
    return [way for way in ways if way != usual]


def fastest(timings: dict[Way, Timing], usual: Way, num_left: float, num_shapes: int) -> tuple[Way, str]:
    """Return the way that takes the least time for the steps that are left, and why.

    Args:
        timings: What each way costs.
        usual: The way that is taken where none is clearly better.
        num_left: Number of steps that are left.
        num_shapes: Number of shapes that a batch will have, each of which XLA compiles anew.
    """

    def cost_s(way: Way) -> float:
        return timings[way].first_s * (num_shapes if way.jit_compile else 1) + num_left * timings[way].step_s

    best = min(timings, key=cost_s)
    if cost_s(usual) < SAFETY * cost_s(best):
        best = usual
    said = "; ".join(f"{way}: {1000 * found.step_s:.2f} ms a step" for way, found in timings.items())
    return best, f"{best}, the fastest of what was measured ({said})"


def time_steps(
    learner: Learner, way: Way, train: Source, batch_size: int, seed: int, measured_s: float | None = None
) -> Timing:
    """Measure steps as they are in training, the reading of examples included. The learner's state changes.

    Args:
        learner: A compiled learner whose metrics are built.
        way: How its steps are executed.
        train: What it learns from.
        batch_size: The global batch size.
        seed: Seed of the order of the examples.
        measured_s: Seconds that each repeat takes at least; `MIN_MEASURED_S` where it is not given.

    Raises:
        ValueError: XLA cannot compile the model.
    """
    _apply(learner, way)
    if way.jit_compile and not learner.jit_compile:
        raise ValueError("XLA does not compile layers for words")
    learner.make_train_function()
    batches = iter(distributed(learner.distribute_strategy, lambda own: _endless(train, batch_size, seed, own)))
    begun = time.perf_counter()
    _call(learner, batches)
    first_s = time.perf_counter() - begun
    measured_s = MIN_MEASURED_S if measured_s is None else measured_s
    step_s = min(_seconds_a_step(learner, batches, measured_s) for _ in range(NUM_REPEATS))
    return Timing(first_s, step_s)


def _endless(train: Source, batch_size: int, seed: int, own: Replicas) -> tf.data.Dataset:
    """Return full batches without end, so that no other shape is measured."""
    position = Position.start(batch_size)
    full = train.num_examples // batch_size
    return train.scheduled_batches(position, seed, own).take(full * own.num_own).repeat()


def _seconds_a_step(learner: Learner, batches: Iterator, measured_s: float) -> float:
    begun, num_before = time.perf_counter(), _taken(learner)
    while True:
        _call(learner, batches)
        if time.perf_counter() - begun >= measured_s:
            break
    return (time.perf_counter() - begun) / (_taken(learner) - num_before)


def _call(learner: Learner, batches: Iterator) -> None:
    for value in tf.nest.flatten(learner.train_function(batches)):
        np.asarray(value)  # waits for a GPU


def _taken(learner: Learner) -> int:
    return int(learner.steps_taken.numpy())


@contextmanager
def unchanged(learner: Learner) -> Iterator[None]:
    """Put all that a training changes back when the block ends."""
    kept = state_of(learner)
    try:
        yield
    finally:
        restore(learner, kept)


def state_of(learner: Learner) -> list[np.ndarray]:
    """Return a copy of all that a training changes, the optimiser's moments and the running metrics included."""
    return [np.array(variable) for variable in _all_variables(learner)]


def restore(learner: Learner, state: Sequence[np.ndarray]) -> None:
    """Put everything back as it was when `state_of` was called."""
    for variable, value in zip(_all_variables(learner), state, strict=True):
        variable.assign(value)


def _all_variables(learner: Learner) -> list[Any]:
    known = [*learner.variables, *learner.optimizer.variables]
    seen = {id(variable) for variable in known}
    return known + [variable for variable in learner.metrics_variables if id(variable) not in seen]
