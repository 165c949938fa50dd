"""The validation metrics of a model that no training loop has judged: an ensemble's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from estafet.training.checkpoints import Epoch
from estafet.training.feeding import Source
from estafet.training.models import ModelSpec
from estafet.training.trained import Trained

if TYPE_CHECKING:
    import keras


def judge(model: keras.Model, spec: ModelSpec, validation: Source) -> Epoch:
    """Return what the training loop would say of the model after an epoch: `val_` and the name of each metric.

    Args:
        model: It takes and gives what `spec` says.
        spec: The task.
        validation: The examples.
    """
    import tensorflow as tf

    from estafet.training.objectives import loss_for, metrics_for

    answer = tf.function(lambda features: model(features, training=False), reduce_retracing=True)
    loss, metrics, losses = loss_for(spec), metrics_for(spec), []
    for features, labels in validation.batches():
        predictions = answer(features)
        if not spec.task.is_classification:
            predictions = tf.reshape(predictions, tf.shape(labels))
        losses.append(np.asarray(loss.call(labels, predictions)))
        for metric in metrics:
            metric.update_state(labels, predictions)
    judged = {metric.name: float(metric.result()) for metric in metrics}
    return {f"val_{name}": value for name, value in {"loss": float(np.concatenate(losses).mean()), **judged}.items()}


def mean(members: Sequence[Trained]) -> Epoch:
    """Return the means of the members' validation metrics, each on its own validation split."""
    return {f"val_{name}": float(np.mean([m.validation[name] for m in members])) for name in members[0].validation}
