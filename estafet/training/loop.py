"""The one training loop, which `tune` and `train` share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from estafet.records.verify import naming_bad_records
from estafet.telemetry import Progress, silent
from estafet.tracking import NullTracker, Tracker
from estafet.training import models
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.callbacks import KeepAndStop, Recorder, Schedule, best_epoch
from estafet.training.checkpoints import Checkpoints, Epoch
from estafet.training.distribution import strategy_for
from estafet.training.feeding import Source
from estafet.training.keras_patch import build_from_shapes
from estafet.training.models import ModelSpec
from estafet.training.objectives import JUDGED_BY, loss_for, metrics_for, optimizer_for

STEPS_PER_EXECUTION = 16
MIN_STEPS_FOR_SEVERAL = 64


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        epochs: Number of passes over the training examples.
        schedule: Batch size and learning-rate factor of each epoch.
        learning_rate: Learning rate of the first epoch.
        optimizer: adam, adamw or sgd.
        strategy: mirrored or single.
        patience: Epochs without improvement after which to stop and take the best epoch's weights; None for never.
        seed: Seed of the weights and of the shuffling.
    """

    epochs: int
    schedule: BatchSchedule
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    strategy: str = "mirrored"
    patience: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        weights: The weights, in the order of `model.weights`.
        history: For each epoch: loss and metrics on both splits, batch_size, learning_rate and seconds.
        epoch: The epoch (from 0) that the weights come from.
        resumed_from: Number of epochs that an earlier, killed process had finished.
        num_replicas: Number of devices that it ran on.
    """

    weights: list[np.ndarray]
    history: list[Epoch]
    epoch: int
    resumed_from: int
    num_replicas: int


def fit(
    spec: ModelSpec,
    build: str,
    hyperparameters: Mapping[str, Any],
    train: Source,
    validation: Source,
    plan: Plan,
    *,
    scratch: Path | None = None,
    on_epoch: Callable[[int, Epoch], None] | None = None,
    progress: Progress = silent,
    tracker: Tracker | None = None,
) -> Outcome:
    """Train a model.

    Args:
        spec: What the model must take and give.
        build: `default` or `module:function`.
        hyperparameters: Those of the model; others are passed over.
        train: What it learns from.
        validation: What it is judged on after each epoch.
        plan: How to train.
        scratch: Folder for checkpoints; a training that was killed goes on from them. None for no checkpoints.
        on_epoch: Called with each epoch's number (from 0) and values; an exception that it raises ends the training.
        progress: Told how far it is.
        tracker: Given each epoch's values.

    Raises:
        ConfigError: The model cannot be built, or does not fit the task.
        DataError: A shard is damaged, or an image cannot be decoded.
        StepFailed: A loss or metric is NaN or infinite.
        ValueError: Early stopping without `scratch`, where the best weights would be kept.
    """
    if plan.patience and scratch is None:
        raise ValueError("early stopping needs a scratch folder")
    judged_by, checkpoints = JUDGED_BY[spec.task], Checkpoints(scratch) if scratch else None
    strategy = strategy_for(plan.strategy)
    model = _compiled(spec, build, hyperparameters, plan, strategy, train.num_examples)
    history = checkpoints.restore(model) if checkpoints else []
    resumed_from = len(history)
    schedule = Schedule(plan.schedule, plan.learning_rate, train.num_examples)
    keep = KeepAndStop(history, checkpoints, judged_by, plan.patience)
    recorder = Recorder(schedule, history, plan.epochs, judged_by, progress, tracker or NullTracker(), on_epoch)
    if resumed_from < plan.epochs and not (history and keep.is_over):
        batches = train.scheduled_batches(schedule.batch_size, schedule.epoch, plan.seed)
        if strategy.num_replicas_in_sync > 1:
            build_from_shapes(model, batches)
        with naming_bad_records(train.folder):
            model.fit(
                batches,
                validation_data=validation.batches(),
                initial_epoch=resumed_from,
                epochs=plan.epochs,
                callbacks=[schedule, recorder, keep],
                shuffle=False,  # the data set shuffles, and Keras would warn
                verbose=0,
            )
    epoch = len(history) - 1
    if plan.patience and (best := best_epoch(history, judged_by)) != epoch:
        epoch = best
        checkpoints.load(model, epoch)
    return Outcome(model.get_weights(), history, epoch, resumed_from, strategy.num_replicas_in_sync)


def _compiled(
    spec: ModelSpec,
    build: str,
    hyperparameters: Mapping[str, Any],
    plan: Plan,
    strategy: tf.distribute.Strategy,
    num_examples: int,
) -> keras.Model:
    keras.utils.set_random_seed(plan.seed)
    with strategy.scope():
        model = models.build(spec, build, hyperparameters)
        model.compile(
            optimizer=optimizer_for(plan.optimizer, plan.learning_rate),
            loss=loss_for(spec),
            metrics=metrics_for(spec),
            jit_compile=False,
            steps_per_execution=_steps_per_execution(strategy, num_examples, plan),
        )
        model.optimizer.build(model.trainable_variables)
    return model


def _steps_per_execution(strategy: tf.distribute.Strategy, num_examples: int, plan: Plan) -> int:
    """Return how many steps to take in one call of TensorFlow.

    Several save up to half the time, but take longer to trace, and Keras 3.15 breaks on them with two replicas ("You
    must feed a value for placeholder tensor").
    """
    worth_it = num_examples // plan.schedule.start >= MIN_STEPS_FOR_SEVERAL
    return STEPS_PER_EXECUTION if worth_it and strategy.num_replicas_in_sync == 1 else 1
