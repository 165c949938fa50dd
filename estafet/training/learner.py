"""A model while it learns: one optimiser step on a global batch, whole or in parts, on one replica or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

Objective = Callable[[Mapping[str, tf.Tensor], tf.Tensor, tf.Tensor], tf.Tensor]
"""From features, labels and predictions of some examples to what is minimised, the mean over these examples."""


class Learner(keras.Model):
    """A model with a training step that Keras' own lacks three things of.

    - A batch that does not divide evenly over the replicas gives the same gradient as on one: each example counts as
      much as any other, where Keras takes the mean of the replicas' means.
    - A batch that does not fit into memory is gone through in parts of `part_size` examples, whose gradients are added
      up; the step is the same (but for batch normalisation, which sees the parts).
    - It counts its steps, and remembers the first one whose loss was no number.

    Attributes:
        model: What learns.
        part_size: Examples of one replica that are gone through at once; None for all. `go_in_parts` changes it.
        steps_taken: Optimiser steps since the training began.
        bad_step: The first step (from 0) whose loss was NaN or infinite; -1 where there is none.
    """

    def __init__(self, model: keras.Model, objective: Objective | None = None):
        """Take a model that is built.

        Args:
            model: What learns.
            objective: What is minimised beside the model's own penalties, where it is not the compiled loss.
        """
        super().__init__(name="learner")
        self._convert_input_args = False  # to float16, where numbers above 65,504 are infinite: layers do that
        self.model, self.part_size = model, None
        self._minimised = (objective,)  # in a tuple, so that Keras does not track what it refers to
        counter = {"shape": (), "dtype": "int64", "trainable": False, "aggregation": "only_first_replica"}
        self.steps_taken = self.add_weight(name="steps_taken", initializer="zeros", **counter)
        self.bad_step = self.add_weight(name="bad_step", initializer=keras.initializers.Constant(-1), **counter)
        self.built = True

    def call(self, inputs, training=None):
        """Return the model's predictions."""
        return self.model(inputs, training=training)

    def train_step(self, data):
        """Take one optimiser step on this replica's share of a global batch, (features, labels)."""
        features, labels = data
        num_examples = tf.shape(labels)[0]
        if self.part_size is None:
            loss, gradients = self._gradients(features, labels, self._weight(num_examples))
        else:
            loss, gradients = self._gradients_by_parts(features, labels, num_examples)
        self.optimizer.apply(gradients, self.trainable_variables)
        with tf.control_dependencies([gradient for gradient in gradients if gradient is not None]):
            self._count(tf.identity(loss))
        return self.get_metrics_result()

    def go_in_parts(self, part_size: int) -> None:
        """Go through each batch in parts from now on.

        Replicas do not wait for each other within a step any more: one may have a part more than another. So batches
        are normalised by each replica's own parts.

        Args:
            part_size: Examples of one replica that are gone through at once, at least 1.
        """
        self.part_size, self.train_function = part_size, None
        for layer in self.model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = False

    def _count(self, loss: tf.Tensor) -> None:
        step, bad = self.steps_taken.value, self.bad_step.value
        self.bad_step.assign(tf.where(tf.math.is_finite(loss) | (bad >= 0), bad, tf.identity(step)))
        self.steps_taken.assign_add(1)

    def undo_unfinished_step(self) -> None:
        """Take back what the optimiser counted of a step that broke off: it may count before gradients are there."""
        if hasattr(self.optimizer, "inner_optimizer"):  # it scales losses, leaves steps out, and counts its own way
            return
        self.optimizer.iterations.assign(self.steps_taken)

    def _weight(self, num_examples: tf.Tensor) -> tf.Tensor | float:
        """Return what share of the global batch this replica has."""
        if tf.distribute.get_strategy().num_replicas_in_sync == 1:
            return 1.0
        own = tf.cast(num_examples, tf.float32)
        return own / tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, own)

    def _gradients(self, features, labels, weight: tf.Tensor | float) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Return the mean loss of some examples, and the gradients of that part of the global one, `weight`."""
        num_replicas = tf.distribute.get_strategy().num_replicas_in_sync
        with tf.GradientTape() as tape:
            predictions = self(features, training=True)
            loss = self._mean_loss(features, labels, predictions, num_replicas)
            penalty = tf.add_n([tf.cast(part, loss.dtype) for part in self.losses]) if self.losses else 0.0
            minimised = self.optimizer.scale_loss((loss + penalty) * weight)
        gradients = tape.gradient(minimised, self.trainable_variables)
        with tf.control_dependencies([gradient for gradient in gradients if gradient is not None]):
            # A step that runs out of memory counts in no metric.
            self._loss_tracker.update_state(loss + penalty, sample_weight=tf.shape(labels)[0])
            self.compute_metrics(features, labels, predictions)
        return loss, gradients

    def _mean_loss(self, features, labels, predictions, num_replicas: int) -> tf.Tensor:
        objective = self._minimised[0]
        if objective is not None:
            return objective(features, labels, predictions)
        loss = self.loss(labels, predictions)
        return loss * num_replicas if num_replicas > 1 else loss  # Keras has divided it by that number

    def _gradients_by_parts(self, features, labels, num_examples) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Return what `_gradients` does, going through the examples in parts, one after the other."""
        whole, variables = self._weight(num_examples), self.trainable_variables
        num_parts = -(-num_examples // self.part_size)

        def body(part, loss, *sums):
            begin, end = num_examples * part // num_parts, num_examples * (part + 1) // num_parts
            own_features, own_labels = tf.nest.map_structure(lambda values: values[begin:end], (features, labels))
            share = tf.cast(end - begin, tf.float32) / tf.cast(num_examples, tf.float32)
            part_loss, gradients = self._gradients(own_features, own_labels, whole * share)
            added = [s if g is None else s + g for s, g in zip(sums, gradients, strict=True)]
            return (part + 1, loss + part_loss * share, *added)

        start = (tf.constant(0), tf.constant(0.0), *(tf.zeros_like(variable) for variable in variables))
        _, loss, *sums = tf.while_loop(
            lambda part, *_: part < num_parts, body, start, parallel_iterations=1, maximum_iterations=None
        )
        return loss, sums

    def get_config(self) -> dict[str, Any]:
        """Refuse: a learner is never stored, only its model is."""
        raise TypeError("a Learner is not stored; save its model")
