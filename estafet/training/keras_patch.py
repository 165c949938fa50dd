"""Mends the places where Keras 3.15 breaks with several replicas; pyproject.toml pins Keras for their sake.

1. Before training, Keras builds metrics and loss from a first batch, and to get one from several replicas it takes the
   mean of their shares, features included. That fails for strings ("Value for attr 'T' of string is not in the list of
   allowed values") and for shares of different size (a batch of 25 on 2 replicas); with several workers it fails
   always ("unsupported type (PerReplica)"). The shapes alone are enough.
2. With several workers, Keras reduces what each step returns along the axis 0 of scalars ("Invalid reduction
   dimension 0"). That reduction is for the progress bar alone: what an epoch is recorded with comes from the metrics'
   variables, which are summed over all workers when they are read. So each worker keeps its own values, which also
   saves a collective operation for each metric and step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


def build_from_shapes(model: keras.Model, examples: tf.data.Dataset) -> None:
    """Build a compiled model's metrics and loss for `examples`, so that it can be fitted with several replicas.

    Only this model is changed.

    Args:
        model: A compiled model, made in the scope of its strategy.
        examples: Batches as one replica gets them: features and labels.
    """
    strategy = model.distribute_strategy
    with strategy.scope():
        model._symbolic_build(data_batch=examples.element_spec)
    model._maybe_symbolic_build = lambda iterator=None, data_batch=None: None
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        model.make_train_function = _maker(model, "train")
        model.make_test_function = _maker(model, "test")


def _maker(model: keras.Model, kind: str) -> Callable[..., Any]:
    """Return what stands in for `make_train_function` or `make_test_function`."""

    def make(force: bool = False) -> Any:
        if force or getattr(model, f"{kind}_function") is None:
            setattr(model, f"{kind}_function", _one_step(model.distribute_strategy, getattr(model, f"{kind}_step")))
        return getattr(model, f"{kind}_function")

    return make


def _one_step(strategy: tf.distribute.Strategy, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @tf.function(reduce_retracing=True)
    def on_data(data):
        outputs = strategy.run(step, args=(data,))
        return tf.nest.map_structure(lambda value: strategy.experimental_local_results(value)[0], outputs)

    @tf.function(reduce_retracing=True)
    def on_next(iterator):
        return on_data(iterator.get_next())  # at the end of the data OutOfRangeError, which `fit` expects

    return on_next
