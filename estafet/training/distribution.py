"""Chooses the distribution strategy: one replica on each device, or a single one."""

from __future__ import annotations

import logging

import tensorflow as tf

from estafet.training.devices import replica_devices


def strategy_for(kind: str) -> tf.distribute.Strategy:
    """Return the strategy that the run file names.

    With one device it is TensorFlow's default: the result is the same, and a mirrored strategy of one replica makes the
    training of a small table take twice the CPU time.

    Args:
        kind: `mirrored` for one replica on each GPU (or logical CPU where there is no GPU), `single` for one device.
    """
    devices = replica_devices()
    if kind == "single" or len(devices) == 1:
        return tf.distribute.get_strategy()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of every device that is no GPU
    return tf.distribute.MirroredStrategy(devices)
