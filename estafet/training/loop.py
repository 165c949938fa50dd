"""The one training loop, which `tune` and `train` share."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from estafet.errors import StepFailed
from estafet.records.verify import naming_bad_records
from estafet.telemetry import Progress, silent
from estafet.tracking import NullTracker, Tracker
from estafet.training import auto_batch, device_choice, execution, memory, preemption
from estafet.training.assembly import assemble, first_loss
from estafet.training.batch_schedule import total_steps
from estafet.training.callbacks.keeper import Keeper
from estafet.training.callbacks.noise import MeasureNoise
from estafet.training.callbacks.recorder import Recorder
from estafet.training.callbacks.schedule import Schedule
from estafet.training.callbacks.tensorboard import EpochLogs
from estafet.training.callbacks.watch import Watch
from estafet.training.checkpoints import Checkpoints, Epoch
from estafet.training.distribution import distributed, is_chief, strategy_for
from estafet.training.feeding import Position, Source, check_replicas
from estafet.training.keras_patch import build_from_shapes
from estafet.training.learner import Learner, Objective
from estafet.training.models import ModelSpec
from estafet.training.objectives import JUDGED_BY
from estafet.training.plan import Outcome, Plan
from estafet.training.workbench import Workbench
from estafet.training.workers.agreement import Agreement

SAID_OF_DEVICES = {"single": "cpu", "one-gpu": "gpu"}

__all__ = ["Outcome", "Plan", "fit"]


def fit(
    spec: ModelSpec,
    build: str,
    hyperparameters: Mapping[str, Any],
    train: Source,
    validation: Source,
    plan: Plan,
    *,
    scratch: Path | None = None,
    objective: Objective | None = None,
    on_epoch: Callable[[int, Epoch], None] | None = None,
    progress: Progress = silent,
    tracker: Tracker | None = None,
    workbench: Workbench | None = None,
) -> Outcome:
    """Train a model.

    Args:
        spec: What the model must take and give.
        build: `default`, the name of an architecture, or `module:function`.
        hyperparameters: Those of the model; others are passed over.
        train: What it learns from.
        validation: What it is judged on after each epoch.
        plan: How to train.
        scratch: Folder for checkpoints; a training that was killed goes on from them. None for no checkpoints.
        objective: What is minimised, where it is not the task's loss.
        on_epoch: Called with each epoch's number (from 0) and values; an exception that it raises ends the training.
        progress: Told how far it is.
        tracker: Given each epoch's values, and what was decided.
        workbench: Keeps the compiled learner for the next training of equal shapes; None to make everything anew.

    Raises:
        ConfigError: The model cannot be built, or does not fit the task; there is no such device.
        DataError: A shard is damaged, or an image cannot be decoded; the checkpoint is another model's.
        StepFailed: A loss or metric is NaN or infinite, or the training diverges; one example does not fit into memory.
        Preempted: The process was told to end; a checkpoint was saved.
        ValueError: Early stopping without `scratch`, where the best weights would be kept.
    """
    if plan.patience and scratch is None:
        raise ValueError("early stopping needs a scratch folder")

    def assembled(devices: str, given: Mapping[str, Any] = hyperparameters) -> Learner:
        on_these = replace(plan, devices=devices)
        learner = assemble(spec, build, given, on_these, strategy_for(devices), objective)
        build_from_shapes(learner, train.scheduled_batches(Position.start(), plan.seed))
        return learner

    devices, why = _devices(plan, train, scratch, assembled)
    plan = replace(plan, devices=devices)
    if workbench:
        make = partial(assembled, devices)
        learner = workbench.learner(spec, build, hyperparameters, plan, objective, make)
    else:
        learner = assembled(devices)
    with preemption.listening() if scratch else contextlib.nullcontext(preemption.Preemption()) as told:
        training = _Training(learner, train, validation, plan, JUDGED_BY[spec.task], scratch, told, workbench)
        training.follow(progress, tracker or NullTracker(), on_epoch)
        training.resume()
        training.decisions.setdefault("devices", {"devices": devices, "why": why})
        with naming_bad_records(train.folder):
            training.decide()
            training.run()
    return training.outcome()


def _devices(plan: Plan, train: Source, scratch: Path | None, assembled: Callable[[str], Learner]) -> tuple[str, str]:
    """Return the devices that an earlier process chose, or choose them, and why."""
    before = Checkpoints(scratch).peek() if scratch else None
    if before and (found := before["decisions"].get("devices")) and device_choice.is_there(found["devices"]):
        return found["devices"], found["why"]

    def measure(kind: str, batch_size: int) -> float:
        learner = assembled(kind)
        try:
            memory.limit(learner, train, plan, learner.distribute_strategy, None, {})
            return execution.time_steps(learner, execution.Way(1, False), train, batch_size, plan.seed).step_s
        except (StepFailed, tf.errors.ResourceExhaustedError):
            return math.inf

    return device_choice.choose(plan.devices, total_steps(plan.schedule, train.num_examples, plan.epochs), measure)


class _Training:
    """One training: its learner, its callbacks and what was decided."""

    def __init__(self, learner, train, validation, plan, judged_by, scratch, told, workbench):
        self.learner, self.strategy, self.plan = learner, learner.distribute_strategy, plan
        self.train, self.validation, self.judged_by, self.told = train, validation, judged_by, told
        self.scratch, self.decisions, self.history = scratch, {}, []
        check_replicas(train.num_examples, self.strategy.num_replicas_in_sync, "train")
        self.checkpoints = Checkpoints(scratch, writes=is_chief(self.strategy)) if scratch else None
        self.schedule = Schedule(
            plan.schedule, plan.learning_rate, train.num_examples, self.history, f"val_{judged_by}"
        )
        self.schedule.set_model(learner)
        self.workbench = workbench if self.strategy.num_replicas_in_sync == 1 else None

    def follow(self, progress: Progress, tracker: Tracker, on_epoch) -> None:
        """Make the callbacks that tell how the training goes."""
        plan, schedule = self.plan, self.schedule
        self.progress, self.tracker = progress, tracker
        self.recorder = Recorder(schedule, plan.epochs, self.judged_by, progress, tracker, on_epoch)
        self.watch = Watch(schedule, plan.epochs, kept_in=str(self.scratch or ""))
        self.keeper = Keeper(
            self.recorder,
            self.watch,
            self.checkpoints,
            interval_s=plan.checkpoint_s,
            patience=plan.patience,
            preemption=self.told,
            decisions=self.decisions,
            agreement=Agreement(self.strategy, is_chief(self.strategy)),
        )

    def resume(self) -> None:
        """Go on from the newest checkpoint, where there is one."""
        self.resumed_from = 0
        if self.checkpoints is None:
            return
        state, running = self.checkpoints.restore(self.learner)
        self.history += state.history
        self.decisions |= state.decisions
        self.schedule.begin_with(state.num_batches)
        self.recorder.begin_with(state.elapsed_s)
        self.keeper.begin_with(running if state.num_batches else [])
        self.resumed_from = len(state.history)
        for epoch, values in enumerate(state.history):
            self.tracker.log_metrics(values, step=epoch)

    def decide(self) -> None:
        """Choose what was left open and has not been chosen before: how steps are executed, and what fits into memory.

        What a killed process chose stays, so that the training ends as it would have.
        """
        memory.limit(self.learner, self.train, self.plan, self.strategy, self.scratch, self.decisions)
        kept = execution.state_of(self.learner)  # neither of the next two changes it
        self._with_less(self._look_at_first_loss, kept)
        self._with_less(
            lambda: execution.choose(self.learner, self.train, self.plan, self.strategy, self.schedule, self.decisions),
            kept,
        )
        if self.plan.auto_batch:
            self._with_less(self._choose_batch, kept)
        for name, decision in self.decisions.items():
            if decision["why"]:
                self.progress(f"{name}: {decision['why']}", len(self.history), self.plan.epochs)

    def _with_less(self, measure: Callable[[], None], kept: list[np.ndarray]) -> None:
        """Measure something; where memory runs out, put the state back and do it again with fewer examples at once."""
        while True:
            try:
                return measure()
            except tf.errors.ResourceExhaustedError as error:
                execution.restore(self.learner, kept)
                self._halve(self.plan.schedule.limit, error)

    def _look_at_first_loss(self) -> None:
        if "first_loss" not in self.decisions:
            at_once = memory.evaluated_at_once(self.learner, self.strategy)
            value = first_loss(self.learner, self._judged(at_once))
            self.decisions["first_loss"] = {"value": value, "why": ""}
        self.watch.first_loss = self.decisions["first_loss"]["value"]

    def _judged(self, at_once: int) -> tf.data.Dataset:
        if self.workbench:
            return self.workbench.judged(self.validation, at_once)
        return self.validation.batches(at_once=at_once)

    def _choose_batch(self) -> None:
        """Choose batch size and learning rate, or take what an earlier process chose; the winner's steps count."""
        if found := self.decisions.get("batch"):
            choice = auto_batch.decided(found)
        else:
            self.progress("measuring batch sizes", 0, self.plan.epochs)
            choice = auto_batch.choose(self.learner, self.train, self.validation, self.plan, self.judged_by)
            self.decisions["batch"] = choice.described()
            self.schedule.begin_with(choice.num_batches)
            self.keeper.begin_with(choice.running)
        self.schedule.schedule, self.schedule.learning_rate = choice.schedule, choice.learning_rate

    @property
    def callbacks(self) -> list:
        """All that is called between the steps, in this order."""
        noise = [MeasureNoise(self.train, self.plan.seed)] if self.schedule.schedule.when == "noise" else []
        logs = []
        if self.plan.tensorboard and is_chief(self.strategy):
            logs = [EpochLogs(self.plan.tensorboard, self.schedule)]
        return [self.schedule, *noise, self.watch, self.recorder, *logs, self.keeper]

    def run(self) -> None:
        """Take the epochs that are left; where memory runs out, go on with smaller parts of each batch."""
        while len(self.history) < self.plan.epochs and not self.keeper.is_over:
            try:
                self._fit()
            except tf.errors.ResourceExhaustedError as error:
                self._go_on_in_smaller_parts(error)

    def _fit(self) -> None:
        learner, plan = self.learner, self.plan
        largest = min(plan.schedule.limit, self.train.num_examples)
        batches, judged = self._batches()
        with memory.marked(self.scratch, learner, largest), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Your input ran out of data")  # said at the end of a distributed data set
            learner.fit(
                batches,
                validation_data=judged,
                initial_epoch=len(self.history),
                epochs=plan.epochs,
                callbacks=self.callbacks,
                shuffle=False,  # the data set shuffles, and Keras would warn
                verbose=0,
            )

    def _batches(self) -> tuple[tf.data.Dataset, tf.data.Dataset]:
        """Return what is learned from, at the schedule's position, and what is judged on."""
        seed, at_once = self.plan.seed, memory.evaluated_at_once(self.learner, self.strategy)
        if self.workbench:
            self.schedule.position, batches = self.workbench.feed(self.train, seed)
            return batches, self.workbench.judged(self.validation, at_once)
        position = self.schedule.position
        return (
            distributed(self.strategy, lambda own: self.train.scheduled_batches(position, seed, own)),
            distributed(self.strategy, lambda own: self.validation.batches(own, at_once)),
        )

    def _go_on_in_smaller_parts(self, error: tf.errors.ResourceExhaustedError) -> None:
        """Halve what is gone through at once, and go on from the last step that was finished."""
        self._halve(int(self.schedule.position.batch_size.numpy()), error)
        finished = self.schedule.finished_steps()
        is_validating = finished == self.schedule.num_steps
        running = [variable.numpy() for variable in self.learner.metrics_variables]
        self.schedule.begin_with(finished)
        self.recorder.begin_with(self.recorder.elapsed_s)
        self.keeper.begin_with(self.keeper.after_steps if is_validating else running)

    def _halve(self, batch_size: int, error: tf.errors.ResourceExhaustedError) -> None:
        decision = memory.halve(self.learner, batch_size, self.strategy, error)
        self.decisions["memory"] = decision
        self.progress(decision["why"], len(self.history), self.plan.epochs)
        self.tracker.log_tags({"estafet.memory": decision["why"]})

    def outcome(self) -> Outcome:
        """Return the weights that are wanted, and what is known of the training."""
        epoch, weights = len(self.history) - 1, self.learner.model.get_weights()
        if self.plan.patience and self.checkpoints.best and self.checkpoints.best[0] != epoch:
            epoch, weights = self.checkpoints.best
        replicas = self.strategy.num_replicas_in_sync
        devices = SAID_OF_DEVICES.get(self.plan.devices, self.plan.devices)
        return Outcome(weights, self.history, epoch, self.resumed_from, replicas, devices, self.decisions)
