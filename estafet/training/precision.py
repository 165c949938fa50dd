"""Which numbers a model computes with."""

from __future__ import annotations

import tensorflow as tf

TENSOR_CORES_SINCE = (7, 0)


def policy_for(precision: str, devices: str) -> str:
    """Return Keras' name of a precision.

    Args:
        precision: The run file's: auto, float32, mixed_float16 or mixed_bfloat16.
        devices: What is trained on: cpu, gpu, tpu, multi-worker or single.

    Returns:
        For `auto`: mixed_bfloat16 on TPUs; mixed_float16 where all GPUs have tensor cores (compute capability 7.0), as
        NVIDIA advises; float32 elsewhere, since CPUs compute float32 fastest.
    """
    if precision != "auto":
        return precision
    if devices == "tpu":
        return "mixed_bfloat16"
    gpus = [] if devices == "cpu" else tf.config.list_physical_devices("GPU")
    capabilities = [tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) for gpu in gpus]
    return "mixed_float16" if gpus and min(capabilities) >= TENSOR_CORES_SINCE else "float32"
