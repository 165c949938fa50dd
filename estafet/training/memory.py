"""How many examples fit into memory at once: estimated before a training, halved when it runs out."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from estafet.errors import StepFailed
from estafet.files import read_json, write_json
from estafet.training.feeding import EVALUATION_BATCH_SIZE, Source
from estafet.training.learner import Learner
from estafet.training.plan import Plan

USABLE_SHARE = 0.8
"""Share of the free memory that a training may plan with."""
COPIES_OF_WEIGHTS = 4
"""The weights, their gradients, and two moments of the optimiser."""
COPIES_OF_ACTIVATIONS = 3
"""Each layer's output, its gradient, and about as much again inside the layers."""
SHORT_SHARE = 0.05
LOOK_EVERY_S = 0.5
CGROUPS = Path("/sys/fs/cgroup")
MARK_FILE = "memory-was-short.json"


def limit(
    learner: Learner,
    train: Source,
    plan: Plan,
    strategy: tf.distribute.Strategy,
    scratch: Path | None,
    decisions: dict[str, Any],
) -> None:
    """Let the learner go through its batches in parts where a whole one would not fit; the batch stays the same.

    Args:
        learner: A compiled learner.
        train: What it learns from.
        plan: Its schedule's limit is the largest batch.
        strategy: The distribution strategy; a replica has its share of a batch.
        scratch: Folder in which an earlier process may have left word that memory ran short when it was killed.
        decisions: What has been decided; what is decided here is added as `memory`.

    Raises:
        StepFailed: Not even one example fits.
    """
    largest = -(-min(plan.schedule.limit, train.num_examples) // strategy.num_replicas_in_sync)
    if found := decisions.get("memory"):
        part, why = int(found["part_size"]), found["why"]
    else:
        part, why = _part_that_fits(learner, strategy, largest)
    killed_with = _part_when_killed(scratch)
    if killed_with and max(1, min(killed_with, largest) // 2) < part:
        part = max(1, min(killed_with, largest) // 2)
        why = (
            f"the process was killed when memory ran short, with {killed_with} examples at once: gradients are "
            f"accumulated over parts of {part}"
        )
    if part < largest:
        learner.go_in_parts(part)
        decisions["memory"] = {"part_size": part, "why": why}


def _part_that_fits(learner: Learner, strategy: tf.distribute.Strategy, largest: int) -> tuple[int, str]:
    """Return how many examples fit at once, at most `largest`, and why they are not as many."""
    per_example, fixed = example_bytes(learner.model), weights_bytes(learner.model)
    free = free_bytes(learner, strategy)
    fits = min(largest, int((USABLE_SHARE * free - fixed) // per_example)) if per_example else largest
    if fits < 1:
        raise StepFailed(
            f"one example takes about {_mb(per_example)} and the weights {_mb(fixed)} while training, and of the "
            f"memory {_mb(free)} are free.",
            hint="take a smaller model or smaller inputs (data.image_size, data.window), or more memory.",
        )
    return fits, (
        f"{largest} examples would take about {_mb(per_example * largest + fixed)} of the {_mb(free)} that are free: "
        f"gradients are accumulated over parts of {fits}"
    )


def halve(
    learner: Learner, batch_size: int, strategy: tf.distribute.Strategy, error: tf.errors.ResourceExhaustedError
) -> dict[str, Any]:
    """Halve the number of examples that are gone through at once, and return what was decided.

    Args:
        learner: A compiled learner.
        batch_size: The global batch size with which memory ran out.
        strategy: The distribution strategy.
        error: What TensorFlow said.

    Raises:
        StepFailed: It is one already, or other processes wait for this one.
    """
    now = learner.part_size or -(-batch_size // strategy.num_replicas_in_sync)
    said = str(error).splitlines()[0][:200]
    if now <= 1 or isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        what = "one example" if now <= 1 else f"{now} examples on one of several workers"
        raise StepFailed(
            f"memory ran out with {what} at once: {said}",
            hint="take a smaller model or smaller inputs (data.image_size, data.window), a smaller train.batch.limit, "
            "or more memory.",
        ) from error
    learner.jit_compile = False
    learner.go_in_parts(now // 2)
    learner.undo_unfinished_step()
    why = (
        f"memory ran out with {now} examples at once: gradients are accumulated over parts of {now // 2}, and the "
        f"global batch stays {batch_size}"
    )
    return {"part_size": now // 2, "why": why}


def evaluated_at_once(learner: Learner, strategy: tf.distribute.Strategy) -> int:
    """Return how many examples to evaluate at once, over all replicas: no more than fit while the model learns."""
    most = EVALUATION_BATCH_SIZE
    return most if learner.part_size is None else min(most, learner.part_size * strategy.num_replicas_in_sync)


def example_bytes(model: keras.Model) -> int:
    """Return about how many bytes one example takes while training; 0 where the model does not tell its shapes."""
    total = 0
    for layer in model._flatten_layers(include_self=False):
        with contextlib.suppress(AttributeError, ValueError):  # a layer that was never called, or in two places
            for output in keras.tree.flatten(layer.output):
                total += int(np.prod([size or 1 for size in output.shape[1:]])) * _item_bytes(output.dtype)
    return COPIES_OF_ACTIVATIONS * total


def weights_bytes(model: keras.Model) -> int:
    """Return how many bytes the weights take while training, with their gradients and the optimiser's moments."""
    return COPIES_OF_WEIGHTS * sum(int(np.prod(weight.shape)) * 4 for weight in model.weights)


def _item_bytes(dtype: str) -> int:
    return 8 if dtype == "string" else tf.as_dtype(dtype).size


def free_bytes(learner: Learner, strategy: tf.distribute.Strategy) -> int:
    """Return the free memory of a replica: that of its GPU, or of the machine or container, shared by its replicas."""
    devices = [device for weight in learner.weights[:1] for device in _devices_of(weight)]
    if any("GPU" in device for device in devices):
        return min(_free_of_gpus(), default=free_bytes_of_machine()) + _held_of_gpus()
    return free_bytes_of_machine() // max(1, len(devices))


def _devices_of(weight: keras.Variable) -> list[str]:
    """Return the devices of this process on which a weight lies, one for each replica."""
    copies = getattr(weight.value, "values", (weight.value,))
    return [copy.device for copy in copies]


def _free_of_gpus() -> list[int]:
    """Return the free bytes of each GPU that TensorFlow sees, as NVIDIA's tool says; nothing where there is no tool."""
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    if visible := os.environ.get("CUDA_VISIBLE_DEVICES"):  # the others may be full
        command.append(f"--id={visible}")
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
        return [int(line) * 2**20 for line in said.split()]
    except (OSError, subprocess.SubprocessError, ValueError):
        return []


def _held_of_gpus() -> int:
    """Return what TensorFlow has of each GPU and does not use any more; the tool counts it as taken."""
    gpus = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices("GPU")]
    found = [tf.config.experimental.get_memory_info(gpu) for gpu in gpus]
    return min((info["peak"] - info["current"] for info in found), default=0)


def free_bytes_of_machine() -> int:
    """Return the bytes that this process may still take: the machine's, or fewer where its container has a limit."""
    return min(_available_bytes(), *_left_in_containers(), 2**62)


def _available_bytes() -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 2**62


def _left_in_containers() -> list[int]:
    """Return what the limits of control groups (version 2, version 1) leave; file pages are given up when needed."""
    left = []
    for folder, limit_file, usage_file in (
        (CGROUPS, "memory.max", "memory.current"),
        (CGROUPS / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError):  # no such file, or the word `max` for no limit
            most, used = (int((folder / name).read_text()) for name in (limit_file, usage_file))
            words = (folder / "memory.stat").read_text().split()
            pages = int(words[words.index("inactive_file") + 1])
            left.append(max(0, most - used + pages))
    return left


@contextlib.contextmanager
def marked(scratch: Path | None, learner: Learner, batch_size: int) -> Iterator[None]:
    """Leave word in `scratch` when memory is nearly used up: on a CPU the process is then killed without an error.

    Args:
        scratch: The folder; None to leave no word.
        learner: What is trained.
        batch_size: Its largest batch.
    """
    if scratch is None:
        yield
        return
    over, total = threading.Event(), free_bytes_of_machine()

    def look() -> None:
        while not over.wait(LOOK_EVERY_S):
            if free_bytes_of_machine() < SHORT_SHARE * total:
                with contextlib.suppress(OSError):  # not all workers may write there
                    write_json(Path(scratch) / MARK_FILE, {"part_size": learner.part_size or batch_size})
                return

    thread = threading.Thread(target=look, name="memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        with contextlib.suppress(OSError):
            (Path(scratch) / MARK_FILE).unlink()


def _part_when_killed(scratch: Path | None) -> int | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return int(read_json(Path(scratch) / MARK_FILE)["part_size"])
    return None


def _mb(num_bytes: float) -> str:
    return f"{num_bytes / 1e9:,.1f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:,.0f} MB"
