"""Claim: 40 trials on a slice, pruned and proved, take a tenth of the CPU time of 40 on all data, at a regret ≤ 1 %.

Two data sets with 100,000 training examples, in both of which much is noise, as where few customers make a number:

- the series of `batch_schedule.py`, as logarithms, with a noise of 10 % in each hour; a linear forecaster with a hidden
  layer sees two weeks of it and forecasts a day;
- a table of 20 columns, whose label depends on them through a layer of hinges, and half of whose variance is noise, for
  a multilayer perceptron with two layers.

Searched are the learning rate, in the range that the model itself suggests, batch size, width, weight penalty and
dropout. For each seed 40 configurations are drawn at random, and the same are tried on both sides, by the same code:

- on a slice of a tenth, with the default pruner, and then the default proof, whose winner is taken;
- on all data, each with all epochs, without pruning and without a proof; the best one is taken.

CPU time is that of the whole process from reading the examples to the winner. Regret is how much worse the first
side's winner is than the second's, as a share of the second's value, both by the validation metric that the second side
measured on all data with all epochs. Both sides of one data set run in one process, in turn, on one thread each.
Figures are medians over the seeds.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from claim import conclude, parse

MAX_REGRET, NUM_TEST, NOISE = 0.01, 1000, 0.1
SPACES: dict[str, dict[str, Any]] = {
    "series": {
        "learning_rate": {"low": 1e-4, "high": 1e-2, "scale": "log"},
        "batch_size": {"choices": [128, 256]},
        "units": {"choices": [256, 512]},
        "l2": {"low": 1e-7, "high": 1e-3, "scale": "log"},
    },
    "table": {
        "learning_rate": {"low": 3e-4, "high": 1e-2, "scale": "log"},
        "batch_size": {"choices": [128, 256]},
        "units": {"choices": [256, 512]},
        "dropout": {"low": 0.01, "high": 0.5},
        "l2": {"low": 1e-7, "high": 1e-3, "scale": "log"},
    },
}
MODELS = {"series": ("forecasting", "default", {}), "table": ("tabular_regression", "mlp", {"layers": 2})}


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        num_examples: Number of training examples.
        num_validation: Number of validation examples.
        lookback: Hours of the series that the model sees.
        trials: Number of configurations.
        epochs: Number of epochs of a trial that is not pruned.
        seeds: Number of times that all is done.
        share: Share of the training examples that the slice has.
        min_ratio: How many times less CPU time it must take; less where there is less to save.
    """

    num_examples: int
    num_validation: int
    lookback: int
    trials: int
    epochs: int
    seeds: int
    share: float
    min_ratio: float


FULL = Scale(100_000, 4000, 336, 40, 12, 3, 0.1, 10.0)
QUICK = Scale(20_000, 1000, 336, 12, 12, 1, 0.2, 1.5)


@dataclass(frozen=True)
class Row:
    """What one seed of one data set gave.

    Attributes:
        kind: The data set.
        seed: The seed.
        slice_s: CPU-seconds of the search on the slice.
        proof_s: CPU-seconds of its proof.
        full_s: CPU-seconds of the search on all data.
        regret: How much worse the winner of slice and proof is than the best on all data.
        unproved: The same of the slice's own choice.
        verdict: What the proof says.
    """

    kind: str
    seed: int
    slice_s: float
    proof_s: float
    full_s: float
    regret: float
    unproved: float
    verdict: str

    @property
    def ratio(self) -> float:
        """How many times less CPU time the slice took, the proof included."""
        return self.full_s / (self.slice_s + self.proof_s)


def main() -> None:
    """Measure both data sets, each in a process of its own, and compare."""
    scale = QUICK if parse(__doc__ or "").quick else FULL
    with ProcessPoolExecutor(len(SPACES), multiprocessing.get_context("spawn")) as processes:
        rows = [row for found in processes.map(measure, SPACES, [scale] * len(SPACES)) for row in found]
    value = {}
    for kind in SPACES:
        of_kind = [row for row in rows if row.kind == kind]
        value[f"{kind}_ratio"] = round(float(np.median([row.ratio for row in of_kind])), 2)
        value[f"{kind}_regret"] = round(float(np.median([row.regret for row in of_kind])), 4)
    goal = {f"{kind}_ratio": scale.min_ratio for kind in SPACES} | {f"{kind}_regret": MAX_REGRET for kind in SPACES}
    holds = all(
        value[what] >= bound if what.endswith("ratio") else value[what] <= bound for what, bound in goal.items()
    )
    conclude("tuning on a slice with a proof takes a tenth of the CPU time and loses at most 1 %", value, goal, holds)


def measure(kind: str, scale: Scale) -> list[Row]:
    """Do both sides with each seed, in turn the one and the other first."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    rows = []
    with tempfile.TemporaryDirectory(prefix="estafet-tune-subsample-") as name:
        write(kind, scale, folder := Path(name) / "data")
        sides = Sides(kind, scale, folder)
        sides.search(sides.settings(99, trials=2, epochs=2, **sides.of_slice), Path(name) / "first")  # what comes once
        for seed in range(scale.seeds):
            rows.append(sides.row(seed, Path(name) / str(seed)))
            show(rows[-1])
    return rows


OF_ALL: dict[str, Any] = {"subsample": 1, "pruner": "none", "proof": False}


@dataclass(frozen=True)
class Searched:
    """What one side did.

    Attributes:
        trials: Its trials.
        winner: The number of the one that won.
        own: The number of the one that would have won without a proof.
        search_s: CPU-seconds of the search.
        proof_s: CPU-seconds of the proof.
        verdict: What the proof says.
    """

    trials: list
    winner: int
    own: int
    search_s: float
    proof_s: float = 0.0
    verdict: str = ""


class Sides:
    """Both sides on one data set."""

    def __init__(self, kind: str, scale: Scale, folder: Path):
        from estafet.records.manifest import Manifest
        from estafet.training.models import ModelSpec

        self.kind, self.scale, self.folder = kind, scale, folder
        self.of_slice = {"subsample": scale.share}
        self.manifest = Manifest.load(folder)
        self.spec = ModelSpec.from_manifest(self.manifest)

    def settings(self, seed: int, **tune: Any):
        """Return the settings of a side."""
        from estafet.runfile.steps import TuneSettings

        task, build, fixed = MODELS[self.kind]
        model = {"build": build, "hyperparameters": fixed}
        whole = {"trials": self.scale.trials, "epochs": self.scale.epochs, "search": "random", "seed": seed}
        return TuneSettings.model_validate({"task": task, "model": model, "space": SPACES[self.kind], **whole, **tune})

    def row(self, seed: int, scratch: Path) -> Row:
        """Do both sides, and compare."""
        order = (self.of_slice, OF_ALL) if seed % 2 == 0 else (OF_ALL, self.of_slice)
        done = [self.search(self.settings(seed, **side), scratch / str(place)) for place, side in enumerate(order)]
        sliced, full = done if seed % 2 == 0 else reversed(done)
        values = {trial.number: trial.value for trial in full.trials if trial.state == "complete"}
        same = [trial.hyperparameters for trial in sliced.trials] == [trial.hyperparameters for trial in full.trials]
        if not same or sliced.winner not in values:
            sys.exit(
                f"{self.kind}, seed {seed}: the sides tried other configurations, or the winner failed on all data"
            )
        best = values[full.winner]
        regret, unproved = (values[number] / best - 1 for number in (sliced.winner, sliced.own))
        return Row(self.kind, seed, sliced.search_s, sliced.proof_s, full.search_s, regret, unproved, sliced.verdict)

    def search(self, settings, scratch: Path) -> Searched:
        """Search, and prove where the settings say so."""
        from components.tune import slices
        from components.tune.objective import Objective
        from components.tune.proof.proving import prove
        from components.tune.running.results import results
        from components.tune.study import space
        from components.tune.training import Trainer

        begun = time.process_time()
        objective = Objective.of(settings, self.spec.task)
        trainer = Trainer(settings, self.spec, objective.wanted, objective.metric, objective.maximised)
        found = slices.slices(settings, self.folder, self.manifest, settings.subsample.share)
        study = self._run(settings, objective, trainer, found, scratch)
        trials = results(study, objective)
        own, _, _ = objective.choose(trials)
        searched_s = time.process_time() - begun
        if not settings.proof.enabled:
            return Searched(trials, own.number, own.number, searched_s)
        proof = prove(
            trials,
            objective,
            trainer,
            settings,
            lambda share: slices.slices(settings, self.folder, self.manifest, share),
            lambda searched: {**space.defaults(settings, self.spec), **searched},
            folder=scratch / "proof",
        )
        proof_s = time.process_time() - begun - searched_s
        return Searched(trials, proof.winner, proof.slices_own, searched_s, proof_s, proof.verdict)

    def _run(self, settings, objective, trainer, found, scratch: Path):
        """Try the configurations of the seed, and return the study."""
        from components.tune.running.budget import Budget
        from components.tune.running.interruption import Interruption
        from components.tune.running.loop import run_trials
        from components.tune.running.search import Search
        from components.tune.study import opening, sampling, space

        distributions = space.distributions(settings, self.spec)
        study = opening.open_study(settings, objective.directions, distributions, scratch, self.kind)
        sampling.enqueue(study, drawn(distributions, settings.trials, settings.seed))

        def draw(trial) -> Mapping[str, Any]:
            return {**space.defaults(settings, self.spec), **space.suggest(trial, distributions)}

        def trained(hyperparameters, *, report, progress):
            return trainer.measure(hyperparameters, found, report=report, progress=progress)

        run_trials(
            Search(study, Budget(settings.trials), draw, trained, objective, partial=lambda: trainer.partial),
            Interruption(),
        )
        return study


def drawn(distributions: Mapping[str, Any], num_trials: int, seed: int) -> list[dict[str, Any]]:
    """Return as many configurations, drawn at random."""
    import optuna

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return [dict(study.ask(dict(distributions)).params) for _ in range(num_trials)]


def write(kind: str, scale: Scale, folder: Path) -> None:
    """Write a data set."""
    from batch_schedule import hourly_load

    from estafet.records.manifest import WindowSpec
    from estafet.runfile.tasks import Task
    from estafet.training.testing import write_series, write_table

    if kind == "series":
        window = WindowSpec(lookback=scale.lookback, horizon=24, stride=1, season=24)
        num_before, num_after = scale.num_examples + scale.lookback + 23, scale.num_validation + 23
        share = num_before / (num_before + num_after)
        write_series(folder, noisy(hourly_load(num_before + num_after)), window, (share, 1 - share))
        return
    features_NF, label_N = hinges(scale.num_examples + scale.num_validation + NUM_TEST)
    ends = [0, scale.num_examples, scale.num_examples + scale.num_validation, len(label_N)]
    parts = {
        name: {"numeric": features_NF[begin:end], "label": label_N[begin:end]}
        for name, begin, end in zip(("train", "validation", "test"), ends, ends[1:], strict=False)
    }
    write_table(folder, Task.TABULAR_REGRESSION, parts)


def noisy(load_T: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the logarithms of a series, shape (T,), float32, with a noise of 10 %."""
    noise_T = NOISE * np.random.default_rng(seed).normal(size=len(load_T))
    return (np.log(load_T) + noise_T).astype(np.float32)


def hinges(num_rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a table's features (N, 20) and label (N,), float32: hinges of the features, and as much noise again."""
    random = np.random.default_rng(seed)
    features_NF = random.normal(size=(num_rows, 20))
    hidden_NH = np.maximum(0, features_NF @ random.normal(size=(20, 24)) / np.sqrt(20) + random.normal(size=24) / 2)
    told_N = hidden_NH @ random.normal(size=24) + features_NF[:, 0] * features_NF[:, 1]
    label_N = told_N / told_N.std() + random.normal(size=num_rows)
    return features_NF.astype(np.float32), label_N.astype(np.float32)


def show(row: Row) -> None:
    """Print what one seed gave."""
    print(
        f"{row.kind}, seed {row.seed}: {row.full_s:.0f} CPU-s on all data, {row.slice_s:.0f} on the slice and "
        f"{row.proof_s:.0f} for the proof: {row.ratio:.1f} times less; regret {100 * row.regret:.2f} %, without the "
        f"proof {100 * row.unproved:.2f} %. {row.verdict}",
        flush=True,
    )


if __name__ == "__main__":
    main()
