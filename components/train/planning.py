"""How a model is to be trained: which of several values of a hyperparameter wins, and the loop's plan."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from estafet.errors import ConfigError
from estafet.runfile.steps import TrainSettings
from estafet.training import loop, models
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.models import ModelSpec
from estafet.training.models.building import whole

TENSORBOARD_FOLDER = "tensorboard"


def chosen_for(settings: TrainSettings, spec: ModelSpec, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return all hyperparameters, learning_rate and batch_size of the first epoch among them.

    Args:
        settings: The run file's `train` section and the model, whose hyperparameters win over all others.
        spec: What the model must take and give.
        found: What `tune` found, which wins over the model's defaults and the `train` section.

    Raises:
        ConfigError: The learning rate or the batch size is none.
    """
    chosen = {
        **models.default_hyperparameters(spec, settings.model.build),
        "learning_rate": settings.learning_rate,
        "batch_size": settings.batch.start,
        **found,
        **settings.model.hyperparameters,
    }
    chosen = {name: whole(value) for name, value in chosen.items()}
    _check(chosen)
    return chosen


def plan_for(
    settings: TrainSettings, spec: ModelSpec, found: Mapping[str, Any], num_examples: int, out_folder: Path
) -> tuple[loop.Plan, dict[str, Any]]:
    """Return how to train, and all hyperparameters; the batch size is that of the schedule's first epoch.

    Args:
        settings: The run file's `train` section and the model.
        spec: What the model must take and give.
        found: What `tune` found.
        num_examples: Number of examples to learn from.
        out_folder: The model's folder, where logs for TensorBoard go.

    Raises:
        ConfigError: The learning rate or a batch size is none, or the first batch is larger than the data.
    """
    chosen = chosen_for(settings, spec, found)
    if settings.batch.start > num_examples:
        raise ConfigError(
            f"train.batch.start is {settings.batch.start}, and the training split holds {num_examples:,} examples.",
            hint=f"set train.batch.start to {num_examples} at most, or bring more data.",
        )
    start = min(chosen["batch_size"], num_examples)
    schedule = BatchSchedule.from_settings(settings.batch, settings.epochs, start)
    chosen["batch_size"] = schedule.start
    plan = loop.Plan(
        epochs=settings.epochs,
        schedule=schedule,
        learning_rate=float(chosen["learning_rate"]),
        optimizer=settings.optimizer,
        devices=settings.devices,
        patience=settings.early_stopping_patience,
        seed=settings.seed,
        auto_batch=settings.batch.when == "auto",
        precision=settings.precision,
        xla=settings.xla,
        steps_per_execution=settings.steps_per_execution,
        checkpoint_s=60 * settings.checkpoint_minutes,
        tensorboard=str(out_folder / TENSORBOARD_FOLDER) if settings.tensorboard else None,
    )
    return plan, chosen


def _check(chosen: Mapping[str, Any]) -> None:
    rate, batch_size = chosen["learning_rate"], chosen["batch_size"]
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < math.inf:
        raise ConfigError(
            f"learning_rate must be a number above 0, not {rate!r}.", hint="correct model.hyperparameters."
        )
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ConfigError(
            f"batch_size must be a whole number of at least 1, not {batch_size!r}.",
            hint="correct model.hyperparameters.",
        )
