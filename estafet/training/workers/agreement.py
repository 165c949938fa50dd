"""What all workers must do alike: save between the same two steps, because one asks for it; decide by one clock.

A checkpoint holds what is summed over all workers when it is read (the running metrics), so all must read it together,
though only the chief writes. A worker's clock or a signal that it got can therefore only be a wish.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import tensorflow as tf

INTERVAL_S = 1.0
"""How often workers speak of their wishes. A collective operation costs 1 to 10 ms even on one machine."""


class Agreement:
    """Tells whether any worker wishes something; all workers must call it equally often, between the same steps.

    In a process that trains alone, wishes are granted at once.

    Args:
        strategy: The strategy of the training.
        is_chief: Whether this is the process whose clock says after how many steps to speak again.
    """

    def __init__(self, strategy: tf.distribute.Strategy, is_chief: bool):
        several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        self._sum, self._is_chief = _summing(strategy) if several else None, is_chief
        self._calls_left, self._gap, self._spoken = 0, 1, time.monotonic()

    @property
    def is_alone(self) -> bool:
        """Whether the training has no process but this one."""
        return self._sum is None

    def after_step(self, *wishes: bool) -> tuple[bool, ...]:
        """Return which of the wishes any worker has; most calls only count, and say False for all."""
        if self._sum is None:
            return wishes
        if self._calls_left > 0:
            self._calls_left -= 1
            return (False,) * len(wishes)
        return self.now(*wishes)

    def now(self, *wishes: bool) -> tuple[bool, ...]:
        """Return which of the wishes any worker has, without delay."""
        if self._sum is None:
            return wishes
        *counts, gap = self._sum([*map(float, wishes), self._wished_gap() if self._is_chief else 0.0])
        self._gap, self._spoken = max(1, round(gap)), time.monotonic()
        self._calls_left = self._gap - 1
        return tuple(count > 0 for count in counts)

    def chiefs(self, value: float) -> float:
        """Return the chief's value, such as a time that it measured, so that all decide alike."""
        return value if self._sum is None else self._sum([value if self._is_chief else 0.0])[0]

    def _wished_gap(self) -> float:
        """Return the number of steps after which to speak again: about `INTERVAL_S` seconds, growing slowly."""
        step_s = max(time.monotonic() - self._spoken, 1e-6) / self._gap
        return min(2.0 * self._gap, INTERVAL_S / step_s)


def _summing(strategy: tf.distribute.Strategy) -> Callable[[Sequence[float]], list[float]]:
    num_local = len(strategy.extended.worker_devices)

    @tf.function
    def total(values: tf.Tensor) -> tf.Tensor:
        def add() -> tf.Tensor:
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(values))

        return strategy.experimental_local_results(strategy.run(add))[0]

    return lambda values: (total(tf.constant(values, tf.float32)) / num_local).numpy().tolist()
