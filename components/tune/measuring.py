"""What a trained model is worth beside what its history says: metrics from its predictions, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from estafet import latency, metrics
from estafet.errors import ConfigError
from estafet.naive import seasonal_naive
from estafet.runfile.optimise import COSTS
from estafet.runfile.tasks import Task

if TYPE_CHECKING:
    import tensorflow as tf

    from estafet.training.models import ModelSpec

NUM_CALLS = 21
"""How often a model is asked about one example: fewer times than `evaluate` asks, since there are many trials."""
Answer = Callable[[Mapping[str, "tf.Tensor"]], "tf.Tensor"]


def in_history(task: Task) -> tuple[str, ...]:
    """Return the validation metrics that each epoch is recorded with."""
    return ("loss", "accuracy", "log_loss") if task.is_classification else ("loss", "rmse", "mae")


def check(task: Task, wanted: Collection[str], metric: str) -> None:
    """Look whether a trial can measure what is wanted.

    Args:
        task: What the model is asked to do.
        wanted: Names of metrics and costs.
        metric: What picks the best epoch; no cost.

    Raises:
        ConfigError: It cannot; the message says what it can.
    """
    known = list(dict.fromkeys([*metrics.BY_TASK[task], *in_history(task)]))
    for name in (metric, *wanted):
        if name not in known and (name == metric or name not in COSTS):
            costs = "" if name == metric else f", and the costs {', '.join(COSTS)}"
            raise ConfigError(
                f"a trial of {task} cannot measure '{name}'; it can {', '.join(known)}{costs}.",
                hint="correct tune.optimise and tune.satisfy.",
            )


def predicted(answer: Answer, judged: tf.data.Dataset, spec: ModelSpec) -> dict[str, float]:
    """Return every metric of the task that the validation examples allow, from a model's predictions.

    Args:
        answer: From features to predictions.
        judged: The validation examples, in batches.
        spec: The task; for forecasting also the season, for the naive forecast.
    """
    predictions, labels, naive = [], [], []
    for features, labels_B in judged:
        labels.append(labels_B.numpy())
        predictions.append(np.asarray(answer(features)).reshape(len(labels_B), -1))
        if spec.task == Task.FORECASTING:
            naive.append(seasonal_naive(features["values"].numpy(), horizon=spec.horizon, season=spec.season))
    labels_N, predictions_N = np.concatenate(labels), np.concatenate(predictions)
    if not spec.task.is_classification:
        predictions_N = predictions_N.reshape(labels_N.shape)
    return metrics.compute(
        metrics.Outcome(spec.task, labels_N, predictions_N, np.concatenate(naive) if naive else None)
    )


def costs(
    wanted: Collection[str], answer: Answer, weights: Collection[np.ndarray], judged: tf.data.Dataset
) -> dict[str, float]:
    """Return what a trained model costs, by the names of `COSTS`; what its training took is another's to say.

    Args:
        wanted: Names of the costs to measure; others are passed over.
        answer: Compiled, from features to predictions.
        weights: The model's.
        judged: Batches, from which the example comes whose answer is timed.
    """
    found = {
        "parameters": float(sum(array.size for array in weights)),
        "size_mb": sum(array.nbytes for array in weights) / 1e6,
    }
    if "latency_ms" in wanted:
        features, _ = next(iter(judged))
        found["latency_ms"] = 1000 * latency.single_s(answer, features, NUM_CALLS)
    return {name: value for name, value in found.items() if name in wanted}
