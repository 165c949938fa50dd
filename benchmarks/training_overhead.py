"""Claim: our training costs at most 3 % more than a bare `model.fit`, and one call of it less than a call a size.

On one series and one model, in one process, in turn and with the same seeds:

- a bare `model.fit` at a fixed batch on a plain `tf.data` pipeline, compiled as we compile and with as many steps in a
  call, beside our loop at the same batch, checkpoints included;
- the same bare `model.fit` as it is written most often, one step a call: what several steps in one call save;
- one `model.fit` for each batch size, which is what practitioners write, beside our one call for the whole schedule, at
  equal epochs: that way traces anew for each size, and begins anew with the optimiser's moments and early stopping;
- an epoch with a new batch size beside one that keeps it: what the change costs, in steps.

Seconds are CPU-seconds of the whole process, medians over the seeds.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from batch_schedule import hourly_load
from claim import conclude, parse

from estafet.records.manifest import WindowSpec
from estafet.training import feeding, loop, models
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.feeding import Source
from estafet.training.models import ModelSpec
from estafet.training.objectives import loss_for, metrics_for, optimizer_for
from estafet.training.testing import write_series

LOOKBACK, HORIZON, NUM_VALIDATION = 96, 24, 2000
BATCH_SIZE, STEPS_PER_CALL, LEARNING_RATE = 32, 16, 1e-3
HYPERPARAMETERS = {"units": 64}
SIZES = (32, 64, 128, 256)
FEW_EXAMPLES, NUM_CHANGES = 1000, 40
MAX_OVERHEAD, MAX_BESIDE_PHASES, MAX_STEPS_OF_A_CHANGE = 1.03, 0.9, 2.0


def main() -> None:
    """Measure all sides in turn, print the medians and compare."""
    quick = parse(__doc__ or "").quick
    num_windows, seeds, epochs = (20_000, 3, 4) if quick else (60_000, 5, 5)
    with tempfile.TemporaryDirectory(prefix="estafet-training-overhead-") as name:
        spec, train, validation = data(Path(name) / "data", num_windows)
        ways = {
            "bare": lambda seed: bare(spec, train, validation, epochs, seed, STEPS_PER_CALL),
            "ours": lambda seed: ours(spec, train, validation, epochs, seed, Path(name) / f"scratch-{seed}"),
            "bare, one step a call": lambda seed: bare(spec, train, validation, epochs, seed, 1),
            "a call for each size": lambda seed: phases(spec, train, validation, seed),
            "one call for all sizes": lambda seed: schedule(
                spec, train, validation, seed, Path(name) / f"sizes-{seed}"
            ),
        }
        for way in ways.values():
            way(99)  # what TensorFlow does once in a process
        spent = {what: [] for what in ways}
        for seed in range(seeds):
            for what in list(ways)[:: 1 if seed % 2 else -1]:
                spent[what].append(measured(ways[what], seed))
        changes = [steps_of_a_change(spec, train, validation, seed) for seed in range(seeds)]
    judge({what: float(np.median(times)) for what, times in spent.items()}, spent, float(np.median(changes)))


def data(folder: Path, num_windows: int) -> tuple[ModelSpec, Source, Source]:
    """Write a series as a data set, and load it into memory."""
    num_before, num_after = num_windows + LOOKBACK + HORIZON - 1, NUM_VALIDATION + HORIZON - 1
    window = WindowSpec(lookback=LOOKBACK, horizon=HORIZON, stride=1, season=24)
    share = num_before / (num_before + num_after)
    manifest = write_series(folder, hourly_load(num_before + num_after), window, (share, 1 - share))
    return ModelSpec.from_manifest(manifest), feeding.load(folder, "train"), feeding.load(folder, "validation")


def measured(way: Callable[[int], object], seed: int) -> float:
    """Return the CPU-seconds of one way."""
    keras.backend.clear_session()
    begun = time.process_time()
    way(seed)
    return time.process_time() - begun


def compiled(spec: ModelSpec, seed: int, steps_per_call: int, learning_rate: float = LEARNING_RATE) -> keras.Model:
    """Return the model, compiled as our loop does."""
    keras.utils.set_random_seed(seed)
    model = models.build(spec, "default", HYPERPARAMETERS)
    model.compile(
        optimizer_for("adam", learning_rate),
        loss_for(spec),
        metrics=metrics_for(spec),
        jit_compile=False,
        steps_per_execution=steps_per_call,
    )
    return model


def batches(source: Source, batch_size: int, seed: int) -> tf.data.Dataset:
    """Return what a practitioner writes: tensors, shuffled as a whole, batched, prefetched, of known length."""
    order = tf.data.Dataset.range(source.num_examples).shuffle(source.num_examples, seed=seed).batch(batch_size)
    taken = order.map(
        lambda indices: tf.nest.map_structure(lambda array: tf.gather(array, indices), source.arrays),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return taken.prefetch(tf.data.AUTOTUNE)


def bare(spec, train: Source, validation: Source, epochs: int, seed: int, steps_per_call: int) -> None:
    """Train with nothing but Keras."""
    model = compiled(spec, seed, steps_per_call)
    model.fit(
        batches(train, BATCH_SIZE, seed), validation_data=validation.batches(), epochs=epochs, verbose=0, shuffle=False
    )


def ours(spec, train: Source, validation: Source, epochs: int, seed: int, scratch: Path) -> None:
    """Train with our loop, checkpoints and all."""
    plan = loop.Plan(
        epochs,
        BatchSchedule.constant(BATCH_SIZE),
        LEARNING_RATE,
        seed=seed,
        steps_per_execution=STEPS_PER_CALL,
        xla="off",
    )
    loop.fit(spec, "default", HYPERPARAMETERS, train, validation, plan, scratch=scratch)


def phases(spec, train: Source, validation: Source, seed: int) -> None:
    """Train as practitioners do: compile and fit once for each batch size, an epoch each."""
    model = compiled(spec, seed, STEPS_PER_CALL)
    for size in SIZES:
        if size > SIZES[0]:
            model.compile(
                optimizer_for("adam", LEARNING_RATE),
                loss_for(spec),
                metrics=metrics_for(spec),
                jit_compile=False,
                steps_per_execution=STEPS_PER_CALL,
            )
        model.fit(batches(train, size, seed), validation_data=validation.batches(), epochs=1, verbose=0, shuffle=False)


def schedule(spec, train: Source, validation: Source, seed: int, scratch: Path) -> None:
    """Train with our loop: one call for all sizes, an epoch each."""
    growing = BatchSchedule(SIZES[0], SIZES[-1], boundaries=tuple(range(1, len(SIZES))))
    plan = loop.Plan(len(SIZES), growing, LEARNING_RATE, seed=seed, steps_per_execution=STEPS_PER_CALL, xla="off")
    loop.fit(spec, "default", HYPERPARAMETERS, train, validation, plan, scratch=scratch)


def steps_of_a_change(spec, train: Source, validation: Source, seed: int) -> float:
    """Return what a change of the batch size costs, in steps.

    The batch grows by an example before every second epoch, so each epoch with a new size is followed by one with the
    same size. The median difference of the two, over all pairs, is what the change costs.
    """
    few = feeding.Source(train.folder, "train", 1.0, FEW_EXAMPLES, first_examples(train, FEW_EXAMPLES))
    keras.backend.clear_session()
    growing = BatchSchedule(64, 64 + NUM_CHANGES, growth=1.001, boundaries=tuple(range(2, 2 * NUM_CHANGES + 2, 2)))
    ends, sizes = [], []

    def note(epoch: int, values: dict) -> None:
        ends.append(time.process_time())
        sizes.append(values["batch_size"])

    plan = loop.Plan(2 * NUM_CHANGES + 2, growing, LEARNING_RATE, seed=seed, steps_per_execution=1, xla="off")
    loop.fit(spec, "default", HYPERPARAMETERS, few, validation, plan, on_epoch=note)
    spent_s = np.diff(ends)[1:].reshape(-1, 2)  # from the third epoch on: with a new size, with the same size
    steps = np.array([-(-FEW_EXAMPLES // int(size)) for size in sizes[2::2]])
    return float(np.median((spent_s[:, 0] - spent_s[:, 1]) / (spent_s[:, 1] / steps)))


def first_examples(train: Source, count: int):
    """Return the first examples of a source that is in memory."""
    return tf.nest.map_structure(lambda array: array[:count], train.arrays)


def judge(medians: dict[str, float], spent: dict[str, list[float]], change: float) -> None:
    """Print the medians, compare with the goals, and end."""
    for what, median in medians.items():
        print(f"{what:24} {median:7.2f} CPU-s ({', '.join(f'{value:.2f}' for value in spent[what])})")

    def ratio(one: str, other: str) -> float:
        pairs = zip(spent[one], spent[other], strict=True)
        return round(float(np.median([a / b for a, b in pairs])), 3)

    value = {
        "ours / bare": ratio("ours", "bare"),
        "ours / bare, one step a call": ratio("ours", "bare, one step a call"),
        "one call / a call for each size": ratio("one call for all sizes", "a call for each size"),
        "steps that a change costs": round(change, 2),
    }
    goal = {
        "ours / bare": f"≤ {MAX_OVERHEAD}",
        "ours / bare, one step a call": "< 1",
        "one call / a call for each size": f"≤ {MAX_BESIDE_PHASES}",
        "steps that a change costs": f"< {MAX_STEPS_OF_A_CHANGE}",
    }
    holds = (
        value["ours / bare"] <= MAX_OVERHEAD
        and value["ours / bare, one step a call"] < 1
        and value["one call / a call for each size"] <= MAX_BESIDE_PHASES
        and value["steps that a change costs"] < MAX_STEPS_OF_A_CHANGE
    )
    conclude("training costs what a bare model.fit costs, and a growing batch costs nothing more", value, goal, holds)


if __name__ == "__main__":
    main()
