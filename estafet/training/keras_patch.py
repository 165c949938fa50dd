"""Mends one place where Keras 3.15 breaks with several replicas; pyproject.toml pins Keras for its sake.

Before training, Keras builds metrics and loss from a first batch, and to get one from several replicas it takes the
mean of their shares, features included. That fails for strings ("Value for attr 'T' of string is not in the list of
allowed values") and for shares of different size (a batch of 25 on 2 replicas). The shapes alone are enough.
"""

from __future__ import annotations

import keras
import tensorflow as tf


def build_from_shapes(model: keras.Model, examples: tf.data.Dataset) -> None:
    """Build a compiled model's metrics and loss for `examples`, and keep Keras from doing it from a mean of data."""
    with model.distribute_strategy.scope():
        model._symbolic_build(data_batch=examples.element_spec)
    model._maybe_symbolic_build = lambda iterator=None, data_batch=None: None
