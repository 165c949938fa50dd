"""`batch: auto`: step times choose the batch size, and a short race its learning rate; the winner goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from estafet.training import memory
from estafet.training.batch_schedule import BatchSchedule, num_steps
from estafet.training.distribution import distributed, is_chief
from estafet.training.execution import restore, state_of
from estafet.training.feeding import Position, Source
from estafet.training.learner import Learner
from estafet.training.plan import Plan
from estafet.training.workers.agreement import Agreement

LARGEST_START = 512
"""Batch size at which a training begins at most."""
GROWS_TO = 4
PATIENCE = 1
"""The batch doubles up to so many times its first size, each time that the validation loss stops improving; the rate
stays as it is, which calms the noise that a large rate makes."""
USUAL_LIMIT = 256
RULES = {"adam": ("none", "sqrt"), "adamw": ("none", "sqrt"), "sgd": ("none", "linear")}
"""For each optimiser, the rules that take part: beside a constant rate the one that keeps its noise as it is."""
NUM_STEPS = 200
"""Steps of each rate: with half as many, the noise of one evaluation decided."""
MIN_STEPS = 100
LEAST_TRAINING = 10_000
"""A race is run where a training at the first size would take at least so many steps."""
TYPICAL_NOISE_SCALE = 1000.0
NUM_TIMED_STEPS = 24
NUM_REPEATS = 2
NUM_JUDGED_BATCHES = 8


@dataclass(frozen=True)
class Choice:
    """What the race decided.

    Attributes:
        schedule: How the training goes on.
        learning_rate: Its learning rate at the schedule's first size.
        num_batches: Batches of the first epoch that the winner has gone through already.
        running: The values of its running metrics.
        why: The reason, in a sentence.
    """

    schedule: BatchSchedule
    learning_rate: float
    num_batches: int
    running: Sequence[np.ndarray]
    why: str

    def described(self) -> dict[str, Any]:
        """Return the choice as JSON values, from which `decided` makes it again."""
        schedule = self.schedule
        return {
            "start": schedule.start,
            "limit": schedule.limit,
            "when": schedule.when,
            "boundaries": list(schedule.boundaries),
            "learning_rate": self.learning_rate,
            "why": self.why,
        }


def decided(described: dict[str, Any]) -> Choice:
    """Return what an earlier process chose; how far it is, its checkpoint says."""
    schedule = BatchSchedule(
        int(described["start"]),
        int(described["limit"]),
        when=described["when"],
        boundaries=tuple(int(epoch) for epoch in described["boundaries"]),
        patience=PATIENCE,
    )
    return Choice(schedule, float(described["learning_rate"]), 0, (), described["why"])


def choose(learner: Learner, train: Source, validation: Source, plan: Plan, judged_by: str) -> Choice:
    """Choose batch size, schedule and learning rate.

    The step times of two sizes say how large a batch may be before its steps take longer in proportion. At that size
    a race compares the learning rate of the first size with the one scaled by the optimiser's rule. Where the training
    is too short for a race, or small batches are fastest, it is the usual schedule from the first size.

    Args:
        learner: A compiled learner at its beginning; where a race was run, it goes on as the winner.
        train: What it learns from.
        validation: What the rates are judged on, 2,048 examples at most.
        plan: Its schedule has the first size and the limit; its learning rate is that of the first size.
        judged_by: The metric that should fall.

    Source:
        McCandlish et al., "An Empirical Model of Large-Batch Training", 2018: a training takes (1 + scale / batch)
        times its least number of steps, so with steps of a + b · batch seconds √(scale · a / b) is the fastest size.
        Malladi et al., "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms", 2022, for Adam's square root;
        Goyal et al., "Accurate, Large Minibatch SGD", 2017, for the linear rule.
    """
    start, limit = plan.schedule.start, plan.schedule.limit
    least_steps = max(MIN_STEPS, (plan.steps_per_execution or 1) + 1)  # a race ends within the first epoch
    most = min(limit, LARGEST_START, train.num_examples // least_steps)
    num_all = plan.epochs * num_steps(train.num_examples, start)
    if most < 2 * start or num_all < LEAST_TRAINING:
        return _usual(plan, f"{num_all:,} steps of {train.num_examples:,} examples are too few to race for")
    race = _Race(learner, train, validation, plan, judged_by)
    return race.run(most)


def _usual(plan: Plan, why: str) -> Choice:
    start, limit = plan.schedule.start, min(plan.schedule.limit, max(plan.schedule.start, USUAL_LIMIT))
    schedule = BatchSchedule.usual(start, limit, plan.epochs)
    return Choice(schedule, plan.learning_rate, 0, (), f"the usual schedule from {start} to {limit}: {why}")


class _Race:
    def __init__(self, learner: Learner, train: Source, validation: Source, plan: Plan, judged_by: str):
        self.learner, self.train, self.plan, self.judged_by = learner, train, plan, judged_by
        self.strategy = learner.distribute_strategy
        self.agreement = Agreement(self.strategy, is_chief(self.strategy))
        at_once = memory.evaluated_at_once(learner, self.strategy)
        self.judges = lambda own: validation.batches(own, at_once).take(NUM_JUDGED_BATCHES * own.num_own)
        self.begin = state_of(learner)
        learner.make_train_function()

    def run(self, most: int) -> Choice:
        start = self.plan.schedule.start
        times_s = {start: self._step_s(start), most: self._step_s(most)}
        said = " and ".join(f"{1000 * seconds:.2f} ms with {size} examples" for size, seconds in times_s.items())
        size = best_size(start, times_s[start], most, times_s[most])
        if size == start:
            restore(self.learner, self.begin)
            return _usual(self.plan, f"a step takes {said}, so larger ones would hardly save time")
        in_epoch = num_steps(self.train.num_examples, size, self.strategy.num_replicas_in_sync)
        per_call = self.learner.steps_per_execution
        count = max(1, min(NUM_STEPS, in_epoch - 1) // per_call) * per_call
        ends = {rule: self._run(size, rule, count) for rule in RULES[self.plan.optimizer]}
        best = min(ends, key=lambda rule: ends[rule][0])
        restore(self.learner, ends[best][1])
        running = [np.array(variable) for variable in self.learner.metrics_variables]
        schedule = BatchSchedule(
            size, min(self.plan.schedule.limit, GROWS_TO * size), when="plateau", patience=PATIENCE
        )
        judged = ", ".join(f"{value:.4g} at {self._rate(size, rule):.2g}" for rule, (value, _) in ends.items())
        why = (
            f"{size} examples, later up to {schedule.limit}, at a rate of {self._rate(size, best):.2g}: a step takes "
            f"{said}, and {count} steps brought the validation {self.judged_by.replace('_', ' ')} to {judged}"
        )
        return Choice(schedule, self._rate(size, best), count, running, why)

    def _rate(self, batch_size: int, rule: str) -> float:
        schedule = BatchSchedule(self.plan.schedule.start, batch_size, learning_rate_rule=rule)
        return self.plan.learning_rate * schedule.learning_rate_factor(batch_size)

    def _run(self, batch_size: int, rule: str, count: int) -> tuple[float, list[np.ndarray]]:
        """Return the judged value that a rate reaches, infinite where it breaks, and the state in which it ends."""
        restore(self.learner, self.begin)
        self.learner.reset_metrics()
        self.learner.optimizer.learning_rate = self._rate(batch_size, rule)
        position, seed = Position.start(batch_size), self.plan.seed
        batches = iter(distributed(self.strategy, lambda own: self.train.scheduled_batches(position, seed, own)))
        for _ in range(count // self.learner.steps_per_execution):
            self.learner.train_function(batches)
        end = state_of(self.learner)
        if int(self.learner.bad_step.numpy()) >= 0:
            return math.inf, end
        found = self.learner.evaluate(distributed(self.strategy, self.judges), verbose=0, return_dict=True)
        value = float(found[self.judged_by])
        return value if math.isfinite(value) else math.inf, end

    def _step_s(self, batch_size: int) -> float:
        """Return the seconds of a step, reading included; the first call, which traces, is not measured."""
        position, per_call = Position.start(batch_size), self.learner.steps_per_execution
        num_calls = -(-NUM_TIMED_STEPS // per_call)
        full = self.train.num_examples // batch_size
        batches = iter(
            distributed(
                self.strategy,
                lambda own: (
                    self.train.scheduled_batches(position, self.plan.seed, own).take(full * own.num_own).repeat()
                ),
            )
        )
        self.learner.train_function(batches)
        measured = []
        for _ in range(NUM_REPEATS):
            begun = time.perf_counter()
            for _ in range(num_calls):
                logs = self.learner.train_function(batches)
            np.asarray(next(iter(logs.values())))  # waits for a GPU
            measured.append((time.perf_counter() - begun) / (num_calls * per_call))
        return self.agreement.chiefs(min(measured))


def best_size(small: int, small_s: float, large: int, large_s: float) -> int:
    """Return the power of two times `small`, up to `large`, that is nearest to the fastest size.

    Args:
        small: A batch size.
        small_s: Seconds of a step with it.
        large: A larger one.
        large_s: Seconds of a step with that.
    """
    slope_s = max((large_s - small_s) / (large - small), 1e-12)
    fixed_s = max(small_s - slope_s * small, 0.0)
    fastest = math.sqrt(TYPICAL_NOISE_SCALE * fixed_s / slope_s)
    doublings = round(math.log2(max(1.0, fastest / small)))
    return min(large, small * 2**doublings)
