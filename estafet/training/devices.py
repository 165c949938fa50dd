"""What there is to compute on."""

from __future__ import annotations

import contextlib

import tensorflow as tf


def logical_devices(kind: str) -> list[str]:
    """Return the names of the devices that a replica can have.

    There is one logical CPU with all cores, unless TensorFlow was told otherwise.

    Args:
        kind: `CPU` or `GPU`.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # it can be set only before the GPU's first use in a process
            tf.config.experimental.set_memory_growth(gpu, True)
    return [device.name for device in tf.config.list_logical_devices(kind)]
