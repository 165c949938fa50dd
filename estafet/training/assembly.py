"""Builds and compiles a learner: the model under its strategy, its optimiser, its loss and its metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from estafet.training import models
from estafet.training.learner import Learner, Objective
from estafet.training.learning_rate import RampedRate
from estafet.training.models import ModelSpec
from estafet.training.objectives import loss_for, metrics_for, optimizer_for
from estafet.training.plan import Plan
from estafet.training.precision import policy_for


def assemble(
    spec: ModelSpec,
    build: str,
    hyperparameters: Mapping[str, Any],
    plan: Plan,
    strategy: tf.distribute.Strategy,
    objective: Objective | None = None,
) -> Learner:
    """Return a compiled learner whose model, optimiser and metrics lie on the strategy's devices.

    Args:
        spec: What the model must take and give.
        build: `default`, the name of an architecture, or `module:function`.
        hyperparameters: Those of the model; others are passed over.
        plan: Seed, optimiser, learning rate and precision.
        strategy: The distribution strategy.
        objective: What is minimised, where it is not the task's loss.

    Raises:
        ConfigError: The model cannot be built, or does not fit the task.
    """
    keras.utils.set_random_seed(plan.seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy_for(plan.precision, plan.devices))
    try:
        with strategy.scope():
            learner = Learner(models.build(spec, build, hyperparameters), objective)
            rate = RampedRate(plan.learning_rate) if plan.schedule.warm_up_steps else plan.learning_rate
            learner.compile(
                optimizer=optimizer_for(plan.optimizer, rate),
                loss=loss_for(spec),
                metrics=metrics_for(spec),
                jit_compile=False,
            )
            learner.optimizer.build(learner.trainable_variables)
    finally:
        keras.config.set_dtype_policy(before)
    return learner


def first_loss(learner: Learner, judged: tf.data.Dataset) -> float:
    """Return the loss of the untrained model on the first batch of validation examples; 0 where it is no number.

    The model's own penalties are part of it, as they are of what each epoch is recorded with.
    """
    features, labels = next(iter(judged))
    loss = float(learner.loss(labels, learner(features, training=False)))
    loss += sum(float(penalty) for penalty in learner.losses)
    return loss if math.isfinite(loss) else 0.0
