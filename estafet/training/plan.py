"""How to train, and how a training ended: what the loop takes and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from estafet.training.batch_schedule import BatchSchedule
from estafet.training.checkpoints import Epoch


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        epochs: Number of passes over the training examples.
        schedule: Batch size and learning-rate factor of each epoch; with `auto_batch`, the sizes to choose from.
        learning_rate: Learning rate at the schedule's first size.
        optimizer: adam, adamw or sgd.
        devices: auto, cpu, gpu, tpu or multi-worker; `single` for one device without any measuring.
        patience: Epochs without improvement after which to stop and take the best epoch's weights; None for never.
        seed: Seed of the weights and of the shuffling.
        auto_batch: Whether batch size, schedule and learning-rate rule are measured and chosen.
        precision: auto, float32, mixed_float16 or mixed_bfloat16.
        xla: auto, on or off.
        steps_per_execution: Optimiser steps in one call of TensorFlow; None to choose.
        checkpoint_s: Seconds after which a checkpoint is saved within an epoch.
        tensorboard: Folder for TensorBoard's logs; None for none.
    """

    epochs: int
    schedule: BatchSchedule
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    devices: str = "auto"
    patience: int | None = None
    seed: int = 0
    auto_batch: bool = False
    precision: str = "auto"
    xla: str = "auto"
    steps_per_execution: int | None = None
    checkpoint_s: float = 300.0
    tensorboard: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        weights: The weights, in the order of `model.weights`.
        history: For each epoch: loss and metrics on both splits, batch_size, learning_rate, seconds and examples_per_s.
        epoch: The epoch (from 0) that the weights come from.
        resumed_from: Number of epochs that an earlier, killed process had finished.
        num_replicas: Number of devices that it ran on.
        devices: What it ran on: cpu, gpu, tpu or multi-worker.
        decisions: What was measured and chosen, by what it is about, each with its `why`.
    """

    weights: list[np.ndarray]
    history: list[Epoch]
    epoch: int
    resumed_from: int
    num_replicas: int
    devices: str = "cpu"
    decisions: dict[str, Any] = field(default_factory=dict)
