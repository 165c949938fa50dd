"""What there is to compute on."""

from __future__ import annotations

import contextlib

import tensorflow as tf


def replica_devices() -> list[str]:
    """Return a name for each device that a replica can have: every GPU, or else every logical CPU.

    There is one logical CPU with all cores, unless TensorFlow was told otherwise.
    """
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        with contextlib.suppress(RuntimeError):  # it can be set only before the GPU's first use in a process
            tf.config.experimental.set_memory_growth(gpu, True)
    return [device.name for device in tf.config.list_logical_devices("GPU" if gpus else "CPU")]
