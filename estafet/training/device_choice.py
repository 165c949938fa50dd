"""Which devices to train on: what the run file names, or what a few measured steps say is fastest."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping

from estafet.training.devices import logical_devices

WORKERS_VARIABLE = "TF_CONFIG"
SAID = {"cpu": "the CPU", "one-gpu": "one GPU", "gpu": "all GPUs"}


def choose(devices: str, steps: Mapping[int, float], measure: Callable[[str, int], float]) -> tuple[str, str]:
    """Return the devices to train on, and why.

    Args:
        devices: The run file's `train.devices`, or `single`.
        steps: Number of steps of the training at each batch size.
        measure: Returns the seconds of a step on some devices (a key of `SAID`) at a batch size; infinite where it
            does not fit into their memory.

    Returns:
        cpu, one-gpu, gpu, tpu, multi-worker or single; and the reason, empty where nothing was to be chosen.
    """
    if devices != "auto":
        return devices, ""
    if os.environ.get(WORKERS_VARIABLE):
        return "multi-worker", f"{WORKERS_VARIABLE} names several workers"
    num_gpus = len(logical_devices("GPU"))
    if not num_gpus:
        return "cpu", ""
    kinds = ["cpu", "one-gpu", *(["gpu"] if num_gpus > 1 else [])]
    return fastest({kind: {size: measure(kind, size) for size in steps} for kind in kinds}, steps)


def is_there(devices: str) -> bool:
    """Return whether this machine has the devices that were chosen on another."""
    return devices not in ("gpu", "one-gpu") or bool(logical_devices("GPU"))


def fastest(step_s: Mapping[str, Mapping[int, float]], steps: Mapping[int, float]) -> tuple[str, str]:
    """Return the devices on which all steps take the least time, and why.

    Args:
        step_s: For each kind of devices, the seconds of a step at each batch size.
        steps: Number of steps at each batch size.
    """
    total_s = {kind: sum(count * sizes[size] for size, count in steps.items()) for kind, sizes in step_s.items()}
    best = min(total_s, key=total_s.__getitem__)
    said = "; ".join(
        f"{SAID.get(kind, kind)} " + ", ".join(f"{_said(seconds)} at {size}" for size, seconds in sorted(sizes.items()))
        for kind, sizes in step_s.items()
    )
    return best, f"{SAID.get(best, best)}, where a step is fastest over the whole schedule ({said})"


def _said(seconds: float) -> str:
    return f"{1000 * seconds:.2f} ms" if math.isfinite(seconds) else "no memory"
