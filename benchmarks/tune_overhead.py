"""Claim: a trial costs at most 0.3 s beside its training.

On one table, in one process, over trials that differ in learning rate, batch size, dropout and the penalty on weights:

- the trials, as `tune` runs them: `Trainer.measure`, with the metrics and costs that a run file may ask for;
- the same steps in a bare `model.fit`, on a model that is compiled and traced already, with the same batches and as
  many steps in a call: what the training itself takes;
- the first trials again, each with everything made anew, as it would be without what is kept.

What a trial costs beside its training is the first less the second, the median over all trials. Seconds are CPU-seconds
of the whole process, because wall time hangs on what else the machine does; that of this run is shown too, and does not
decide. The first trial, which builds and traces the model, is shown apart. The traces of the training
step are counted.
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
from claim import conclude, parse

from components.tune.slices import Slice, slices
from components.tune.training import Trainer
from estafet.runfile.steps import TuneSettings
from estafet.runfile.tasks import Task
from estafet.training import models
from estafet.training.execution import STEPS_PER_EXECUTION
from estafet.training.feeding import Position
from estafet.training.learner import Learner
from estafet.training.models import ModelSpec
from estafet.training.objectives import loss_for, metrics_for, optimizer_for
from estafet.training.testing import write_table

NUM_FEATURES, NUM_VALIDATION, EPOCHS = 20, 2000, 3
BATCH_SIZES = (16, 32, 64, 128)
WANTED = ("log_loss", "roc_auc", "latency_ms", "parameters")
MAX_OVERHEAD_S = 0.3


def main() -> None:
    """Run the trials, their bare trainings and a few from nothing, and compare."""
    quick = parse(__doc__ or "").quick
    num_rows, num_trials, num_fresh = (2_000, 20, 2) if quick else (10_000, 40, 5)
    first, *others = [configuration(number) for number in range(num_trials + 1)]
    traces = count_traces()
    with tempfile.TemporaryDirectory(prefix="estafet-tune-overhead-") as name:
        trainer, found = prepared(Path(name), num_rows)
        bare = Bare(trainer.spec, found)
        ways = {"ours": lambda chosen: trainer.measure(chosen, found), "bare": bare.fit}
        first_s = measured(ways["ours"], first)
        ways["bare"](first)
        traces_of_first = len(traces)
        spent = {way: [] for way in ways}
        for number, chosen in enumerate(others):
            for way in list(ways)[:: 1 if number % 2 else -1]:
                spent[way].append(measured(ways[way], chosen))
        more_traces = len(traces) - traces_of_first
        spent["all made anew"] = [
            measured(lambda chosen: anew(trainer).measure(chosen, found), chosen) for chosen in others[:num_fresh]
        ]
    judge({way: np.array(seconds) for way, seconds in spent.items()}, first_s, more_traces)


def configuration(number: int) -> dict[str, float | int]:
    """Return the hyperparameters of a trial; all have one shape."""
    random = np.random.default_rng(number)
    return {
        "learning_rate": float(10 ** random.uniform(-3.5, -1.5)),
        "batch_size": BATCH_SIZES[number % len(BATCH_SIZES)],
        "units": 64,
        "layers": 2,
        "dropout": float(random.uniform(0.05, 0.5)),
        "l2": float(10 ** random.uniform(-5, -2)),
    }


def prepared(folder: Path, num_rows: int) -> tuple[Trainer, tuple[Slice, ...]]:
    """Write a table of two classes, and return what trains on all of it."""
    random = np.random.default_rng(0)

    def part(num: int) -> dict[str, np.ndarray]:
        numeric_NF = random.normal(size=(num, NUM_FEATURES)).astype(np.float32)
        score_N = numeric_NF[:, :4].sum(axis=1) + np.abs(numeric_NF[:, 4]) + random.normal(size=num)
        return {"numeric": numeric_NF, "label": (score_N > 0).astype(np.int64)}

    splits = {"train": part(num_rows), "validation": part(NUM_VALIDATION), "test": part(10)}
    manifest = write_table(folder, Task.TABULAR_CLASSIFICATION, splits)
    settings = TuneSettings(task=manifest.task, model={}, epochs=EPOCHS)
    trainer = Trainer(settings, ModelSpec.from_manifest(manifest), WANTED, "log_loss", False)
    return trainer, slices(settings, folder, manifest, 1.0)


def count_traces() -> list[int]:
    """Let each trace of a training step add to the list that is returned."""
    traces, step = [], Learner.train_step
    Learner.train_step = lambda self, data: traces.append(1) or step(self, data)
    return traces


def measured(way: Callable[[dict], object], chosen: dict) -> tuple[float, float]:
    """Return the CPU-seconds and the wall seconds of one way to train a configuration."""
    begun = time.process_time(), time.perf_counter()
    way(chosen)
    return time.process_time() - begun[0], time.perf_counter() - begun[1]


def anew(trainer: Trainer) -> Trainer:
    """Return a trainer that has nothing yet."""
    keras.backend.clear_session()
    return Trainer(trainer.settings, trainer.spec, WANTED, trainer.metric, trainer.maximised)


class Bare:
    """Nothing but Keras, with a model, batches and a validation set that are there already."""

    def __init__(self, spec: ModelSpec, found: tuple[Slice, ...]):
        self.train, self.validation = found[0].train, found[0].validation.batches()
        keras.utils.set_random_seed(0)
        self.model = models.build(spec, "default", configuration(0))
        self.model.compile(
            optimizer_for("adam", 1e-3),
            loss_for(spec),
            metrics=metrics_for(spec),
            jit_compile=False,
            steps_per_execution=STEPS_PER_EXECUTION,
        )
        self.position = Position.start()
        self.batches = self.train.scheduled_batches(self.position, 0).repeat()

    def fit(self, chosen: dict) -> None:
        """Train with a batch size and learning rate."""
        size = chosen["batch_size"]
        self.position.batch_size.assign(size)
        self.model.optimizer.learning_rate = chosen["learning_rate"]
        self.model.fit(
            self.batches,
            steps_per_epoch=-(-self.train.num_examples // size),
            epochs=EPOCHS,
            validation_data=self.validation,
            shuffle=False,
            verbose=0,
        )


def judge(spent: dict[str, np.ndarray], first: tuple[float, float], more_traces: int) -> None:
    """Print the medians, compare with the goal, and end.

    Args:
        spent: For each way, CPU-seconds and wall seconds of each trial, (N, 2).
        first: Those of the first trial.
        more_traces: Traces of the training step after the first trial.
    """
    for way, seconds_N2 in spent.items():
        cpu, wall = np.median(seconds_N2, axis=0)
        print(f"{way:14} {cpu:6.2f} CPU-s, {wall:6.2f} s: median of {len(seconds_N2)}")
    print(f"the first      {first[0]:6.2f} CPU-s, {first[1]:6.2f} s")
    beside_N2 = spent["ours"] - spent["bare"]
    fresh_N2 = spent["all made anew"] - spent["bare"][: len(spent["all made anew"])]
    (cpu, wall), (fresh, _) = np.median(beside_N2, axis=0), np.median(fresh_N2, axis=0)
    value = {
        "CPU-seconds beside the training": round(float(cpu), 3),
        "wall seconds": round(float(wall), 3),
        "CPU-seconds if all is made anew": round(float(fresh), 3),
        "traces after the first trial": more_traces,
    }
    goal = {"CPU-seconds beside the training": f"≤ {MAX_OVERHEAD_S}", "traces after the first trial": 0}
    conclude("a trial costs at most 0.3 s beside its training", value, goal, cpu <= MAX_OVERHEAD_S and more_traces == 0)


if __name__ == "__main__":
    main()
