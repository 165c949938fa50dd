"""Claim: two replicas, in one process or in two, learn the weights that one learns at the same global batch.

A table is learned from with Adam and a growing batch that does not divide evenly: by one replica, by two logical
devices under MirroredStrategy, and by two worker processes under MultiWorkerMirroredStrategy. The figure is the
largest difference of any weight, over the seeds. How long each takes is printed, though on two cores of one machine
there is nothing to gain.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from claim import conclude, parse

from estafet.runfile.tasks import Task
from estafet.training.testing import write_table
from estafet.training.workers.cluster import on_this_machine

MAX_DIFFERENCE = 1e-5
EPOCHS = 4
CHILD = """
import json, sys, time
import numpy as np
import tensorflow as tf
folder, out, devices, replicas, epochs, seed = *sys.argv[1:4], *map(int, sys.argv[4:])
if replicas > 1:
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * replicas)
from estafet.records.manifest import Manifest
from estafet.training import feeding, loop
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.distribution import strategy_for
from estafet.training.models import ModelSpec
strategy_for(devices)  # several workers must meet before TensorFlow is used
spec = ModelSpec.from_manifest(Manifest.load(folder))
plan = loop.Plan(epochs, BatchSchedule(25, 100, boundaries=(1, 2), learning_rate_rule="sqrt"), 0.01,
                 seed=seed, devices=devices, xla="off", steps_per_execution=1)
begun = time.perf_counter()
train, validation = feeding.load(folder, "train"), feeding.load(folder, "validation")
found = loop.fit(spec, "default", {"dropout": 0.0}, train, validation, plan)
np.savez(out, *found.weights)
print(json.dumps({"replicas": found.num_replicas, "seconds": time.perf_counter() - begun}))
"""


def main() -> None:
    """Train all ways for each seed, and compare the weights."""
    seeds = 3 if parse(__doc__ or "").quick else 5
    worst = {"two logical devices": 0.0, "two workers": 0.0}
    with tempfile.TemporaryDirectory(prefix="estafet-replicas-") as name:
        folder = Path(name)
        table(folder / "data")
        for seed in range(seeds):
            one = alone(folder, "cpu", 1, seed)
            found = {"two logical devices": alone(folder, "cpu", 2, seed), "two workers": workers(folder, seed)}
            for what, weights in found.items():
                difference = max(float(np.abs(a - b).max()) for a, b in zip(one, weights, strict=True))
                worst[what] = max(worst[what], difference)
                print(f"seed {seed}: {what} differ by {difference:.1e} at most", flush=True)
    holds = max(worst.values()) <= MAX_DIFFERENCE
    value = {what: float(f"{difference:.2g}") for what, difference in worst.items()}
    conclude("two replicas learn the weights of one at the same global batch", value, f"≤ {MAX_DIFFERENCE}", holds)


def table(folder: Path) -> None:
    """Write a table of 1,010 rows, numbers and words, whose class both decide."""
    random = np.random.default_rng(0)

    def rows(num_rows: int) -> dict[str, np.ndarray]:
        numeric_NF = random.normal(5, 2, (num_rows, 6)).astype(np.float32)
        words_NG = random.choice(["red", "green", ""], (num_rows, 1))
        label_N = (numeric_NF[:, 0] + numeric_NF[:, 1] + 3 * (words_NG[:, 0] == "red") > 11).astype(np.int64)
        return {"numeric": numeric_NF, "categorical": words_NG, "label": label_N}

    splits = {"train": rows(1010), "validation": rows(203), "test": rows(100)}
    write_table(folder, Task.TABULAR_CLASSIFICATION, splits)


def start(folder: Path, devices: str, replicas: int, seed: int, name: str, environment: dict[str, str]):
    """Start one process that trains and writes its weights."""
    arguments = [str(folder / "data"), str(folder / f"{name}.npz"), devices, str(replicas), str(EPOCHS), str(seed)]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def finished(process: subprocess.Popen, replicas: int) -> float:
    """Wait for a process; return the seconds that it trained."""
    said, _ = process.communicate(timeout=600)
    if process.returncode:
        raise SystemExit(f"a training ended with status {process.returncode}")
    told = json.loads(said.splitlines()[-1])
    if told["replicas"] != replicas:
        raise SystemExit(f"{told['replicas']} replicas trained in place of {replicas}")
    return told["seconds"]


def alone(folder: Path, devices: str, replicas: int, seed: int) -> list[np.ndarray]:
    """Return the weights that one process learns."""
    seconds = finished(start(folder, devices, replicas, seed, "alone", {}), replicas)
    print(f"seed {seed}: {replicas} replica(s) in one process took {seconds:.1f} s", flush=True)
    return weights(folder / "alone.npz")


def workers(folder: Path, seed: int) -> list[np.ndarray]:
    """Return the weights that two worker processes learn, having seen that both have the same."""
    begun = time.perf_counter()
    processes = [
        start(folder, "multi-worker", 1, seed, f"worker-{i}", environment)
        for i, environment in enumerate(cluster.environment() for cluster in on_this_machine(2))
    ]
    for process in processes:
        finished(process, 2)
    print(f"seed {seed}: two workers took {time.perf_counter() - begun:.1f} s, start-up included", flush=True)
    first, second = (weights(folder / f"worker-{i}.npz") for i in range(2))
    if not all(np.array_equal(a, b) for a, b in zip(first, second, strict=True)):
        raise SystemExit("the two workers ended with different weights")
    return first


def weights(path: Path) -> list[np.ndarray]:
    """Read what a process has written."""
    with np.load(path) as stored:
        return [stored[name] for name in stored.files]


if __name__ == "__main__":
    main()
