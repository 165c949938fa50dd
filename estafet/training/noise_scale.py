"""The gradient noise scale: up to which batch size a larger batch wastes no examples."""

from __future__ import annotations

import math

import keras
import tensorflow as tf

NUM_PARTS = 64
PART_SIZE = 32


class NoiseScale:
    """Measures the simple noise scale of a model's gradient, without changing the model.

    Args:
        model: A compiled model; its gradient is that of the compiled loss, as in training.
        num_parts: Number of parts, K, into which the examples are divided; 2 or more.
    """

    def __init__(self, model: keras.Model, num_parts: int = NUM_PARTS):
        self._model, self._num_parts = model, num_parts
        self._norms = tf.function(self._squared_norms, reduce_retracing=True)

    def measure(self, features, labels) -> float:
        """Return the noise scale in examples; infinite where the mean gradient drowns in noise, 0 where it is none.

        With K parts of b examples, |g|² of the parts has the expectation |G|² + tr(Σ)/b, and |g|² of their mean
        |G|² + tr(Σ)/(K·b); the scale is tr(Σ)/|G|².

        Args:
            features: Of at least 2·K examples, by name.
            labels: Of the same examples.

        Source:
            McCandlish et al., "An Empirical Model of Large-Batch Training", 2018, appendix A.1.
        """
        small = tf.shape(labels)[0] // self._num_parts
        kept = [(variable, variable.numpy()) for variable in self._model.non_trainable_variables]
        of_parts, of_mean = (float(norm) for norm in self._norms(features, labels, small))
        for variable, value in kept:  # running means, and the states of random generators
            variable.assign(value)
        if not math.isfinite(of_parts + of_mean):  # broken weights are no reason for a larger batch
            return 0.0
        b_small, b_big = float(small), float(small) * self._num_parts
        signal = (b_big * of_mean - b_small * of_parts) / (b_big - b_small)
        noise = (of_parts - of_mean) / (1 / b_small - 1 / b_big)
        return max(0.0, noise) / signal if signal > 0 else math.inf

    def _squared_norms(self, features, labels, small: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the mean of the parts' squared gradient norms, and the squared norm of their mean."""
        variables = self._model.trainable_variables

        def body(part, norms, *sums):
            begin = part * small
            part_features, part_labels = tf.nest.map_structure(
                lambda values: values[begin : begin + small], (features, labels)
            )
            with tf.GradientTape() as tape:
                loss = self._model.loss(part_labels, self._model(part_features, training=True))
            found = tape.gradient(loss, variables, unconnected_gradients="zero")
            gradients = [tf.convert_to_tensor(gradient) for gradient in found]
            return (part + 1, norms + _squared_norm(gradients), *map(tf.add, sums, gradients))

        start = (tf.constant(0), tf.constant(0.0), *(tf.zeros_like(variable) for variable in variables))
        _, norms, *sums = tf.while_loop(lambda part, *_: part < self._num_parts, body, start, parallel_iterations=1)
        return norms / self._num_parts, _squared_norm([total / self._num_parts for total in sums])


def _squared_norm(gradients: list[tf.Tensor]) -> tf.Tensor:
    return tf.add_n([tf.reduce_sum(tf.square(tf.cast(gradient, tf.float32))) for gradient in gradients])
