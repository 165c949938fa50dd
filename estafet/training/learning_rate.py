"""The learning rate of each optimiser step: constant between two growths of the batch, with a ramp after each."""

from __future__ import annotations

import keras
import tensorflow as tf


class RampedRate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that goes in a straight line from its old value to a new one, and stays there.

    It lives in variables, so a new ramp needs no new trace of the training step.

    Args:
        rate: The rate until the first ramp.
    """

    def __init__(self, rate: float):
        self._before, self._after = (tf.Variable(rate, dtype=tf.float32, trainable=False) for _ in range(2))
        self._begin, self._num_steps = (tf.Variable(at, dtype=tf.int64, trainable=False) for at in (0, 1))

    def ramp(self, before: float, after: float, begin: int, num_steps: int) -> None:
        """Go from `before` at step `begin` to `after`, `num_steps` steps later."""
        self._before.assign(before)
        self._after.assign(after)
        self._begin.assign(begin)
        self._num_steps.assign(max(1, num_steps))

    def __call__(self, step):
        """Return the rate of a step, which counts from 0."""
        done = tf.cast(tf.cast(step, tf.int64) - self._begin, tf.float32) / tf.cast(self._num_steps, tf.float32)
        return self._before + (self._after - self._before) * tf.clip_by_value(done, 0.0, 1.0)

    def get_config(self):
        """Return what the schedule is made from; it is never stored."""
        return {"rate": float(self._after.numpy())}
