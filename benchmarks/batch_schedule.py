"""Claim: the default schedule reaches fixed batch 32's loss in half its CPU time, `batch: auto` in 0.35 of it.

An hourly series (day, week and year, weather that works by thresholds, trend, noise) is learned from with Adam by a
linear forecaster with a hidden layer: with fixed sizes from 32 to 512 and each learning-rate rule, with schedules, and
with `batch: auto`. All are trained in the same run for the same number of epochs, one after the other for each seed.

CPU time is that of the whole process from the call of the training loop on, so tracing, validation and what `auto`
measures are in it. A time ends with the first epoch whose validation loss is no greater than the least that fixed 32
of the same seed reached; it is infinite where that never happens. Figures are medians over the seeds, of ratios to
fixed 32's.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from claim import conclude, parse

from estafet.records.manifest import WindowSpec
from estafet.runfile.batch import Batch
from estafet.training import feeding, loop
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.models import ModelSpec
from estafet.training.testing import write_series

LEARNING_RATE = 1e-3
HYPERPARAMETERS = {"units": 64}
HOURS_IN_YEAR = 8766
NUM_VALIDATION = 4000
DEFAULT, AUTO = "schedule 32 to 256 (the default)", "auto"
MAX_SCHEDULE, MAX_AUTO, MAX_AUTO_TO_BEST_FIXED, MAX_LOSS = 0.5, 0.35, 1.2, 1.01


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        num_windows: Number of training windows.
        lookback: Hours that the model sees.
        epochs: Number of epochs of each training.
        seeds: Number of trainings of each kind.
        sizes: The fixed sizes above 32.
        rules: Learning-rate rules of the fixed sizes.
    """

    num_windows: int
    lookback: int
    epochs: int
    seeds: int
    sizes: tuple[int, ...]
    rules: tuple[str, ...]


FULL = Scale(100_000, 168, 10, 5, (64, 128, 256, 512), ("none", "sqrt", "linear"))
QUICK = Scale(100_000, 96, 10, 3, (256, 512), ("none", "sqrt"))


@dataclass(frozen=True)
class Curve:
    """How one training went.

    Attributes:
        cpu_s: CPU-seconds from the start to the end of each epoch, shape (epochs,).
        losses: Validation loss after each epoch, shape (epochs,).
        chosen: What `auto` said of its choice.
    """

    cpu_s: np.ndarray
    losses: np.ndarray
    chosen: str = ""

    def cpu_s_to(self, loss: float) -> float:
        """Return the CPU-seconds until the validation loss was no greater; infinite where it never was."""
        reached = np.flatnonzero(self.losses <= loss)
        return float(self.cpu_s[reached[0]]) if len(reached) else math.inf


@dataclass(frozen=True)
class Row:
    """Medians over the seeds, of ratios to fixed 32's.

    Attributes:
        time: CPU time to the least loss of fixed 32.
        total: CPU time of all epochs.
        best: Least loss.
        last: Loss of the last epoch.
    """

    time: float
    total: float
    best: float
    last: float


def main() -> None:
    """Train in all ways, print the table and compare."""
    scale = QUICK if parse(__doc__ or "").quick else FULL
    ways = plans(scale)
    with tempfile.TemporaryDirectory(prefix="estafet-batch-schedule-") as name:
        fit = trainer(Path(name), scale)
        fit(loop.Plan(1, BatchSchedule.constant(512), seed=99))  # what TensorFlow does once in a process
        curves = [{what: fit(plan(seed)) for what, plan in ways.items()} for seed in range(scale.seeds)]
    rows = {what: row([seed[what] for seed in curves], [seed["fixed 32"] for seed in curves]) for what in ways}
    show(rows, [seed["fixed 32"] for seed in curves])
    for seed, found in enumerate(curves):
        print(f"auto, seed {seed}: {found[AUTO].chosen}")
    judge(rows)


def plans(scale: Scale) -> dict[str, Callable[[int], loop.Plan]]:
    """Return all ways to train, by name, each from the seed to its plan."""

    def way(batch: Batch, rate: float = LEARNING_RATE) -> Callable[[int], loop.Plan]:
        schedule = BatchSchedule.from_settings(batch, scale.epochs)
        shared = {"steps_per_execution": 16, "xla": "off", "devices": "single"}
        return lambda seed: loop.Plan(
            scale.epochs, schedule, rate, seed=seed, auto_batch=batch.when == "auto", **shared
        )

    ways = {"fixed 32": way(Batch(start=32, limit=32))}
    for size in scale.sizes:
        for rule in scale.rules:
            rate = LEARNING_RATE * {"none": 1.0, "sqrt": math.sqrt(size / 32), "linear": size / 32}[rule]
            ways[f"fixed {size}, {rule}"] = way(Batch(start=size, limit=size), rate)
    ways[DEFAULT] = way(Batch())
    if scale is FULL:
        ways["schedule 32 to 512"] = way(Batch(limit=512))
        ways["schedule 32 to 256, sqrt"] = way(Batch(learning_rate_rule="sqrt"))
        ways["schedule 32 to 256, linear"] = way(Batch(learning_rate_rule="linear"))
        ways["schedule 32 to 256, by plateau"] = way(Batch(when="plateau"))
        ways["schedule 32 to 256, by noise"] = way(Batch(when="noise"))
    ways[AUTO] = way(Batch.model_validate("auto"))
    return ways


def trainer(folder: Path, scale: Scale) -> Callable[[loop.Plan], Curve]:
    """Write the series as a data set; return what trains on it and measures."""
    num_before, num_after = scale.num_windows + scale.lookback + 23, NUM_VALIDATION + 23
    window = WindowSpec(lookback=scale.lookback, horizon=24, stride=1, season=24)
    share = num_before / (num_before + num_after)
    manifest = write_series(folder, hourly_load(num_before + num_after), window, (share, 1 - share))
    spec = ModelSpec.from_manifest(manifest)
    train, validation = feeding.load(folder, "train"), feeding.load(folder, "validation")

    def fit(plan: loop.Plan) -> Curve:
        keras.backend.clear_session()
        spent_s, judged, begun = [], [], time.process_time()

        def note(epoch: int, values: dict) -> None:
            spent_s.append(time.process_time() - begun)
            judged.append(values["val_loss"])

        outcome = loop.fit(spec, "default", HYPERPARAMETERS, train, validation, plan, on_epoch=note)
        return Curve(np.array(spent_s), np.array(judged), outcome.decisions.get("batch", {}).get("why", ""))

    return fit


def hourly_load(num_hours: int, seed: int = 0) -> np.ndarray:
    """Return a series like the electric load of a town, shape (num_hours,), float32.

    Day and week have their shapes; heating and cooling begin at thresholds of a temperature that wanders, and count
    more by day; all grows with a trend, and the noise with the level.
    """
    random, hours = np.random.default_rng(seed), np.arange(num_hours)
    hour, weekend = hours % 24, hours // 24 % 7 >= 5
    weather = wander(random.normal(size=num_hours), 0.985, 0.17)
    temperature = 12 + 10 * np.sin(2 * np.pi * hours / HOURS_IN_YEAR) + 4 * np.sin(2 * np.pi * (hour - 9) / 24)
    temperature += 4 * weather
    workday = np.exp(-(((hour - 9) / 3) ** 2) / 2) + 1.1 * np.exp(-(((hour - 19) / 2.5) ** 2) / 2)
    day = np.where(weekend, 0.55 * np.exp(-(((hour - 13) / 5) ** 2) / 2), workday)
    heating = np.maximum(0, 14 - temperature) ** 1.2 / 12
    cooling = np.maximum(0, temperature - 21) ** 1.3 / 10
    level = 10 + 8 * hours / num_hours
    demand = 1 + 0.22 * (1 + 0.35 * np.tanh(weather)) * day + 0.18 * heating * (0.5 + day)
    demand += 0.15 * cooling * (0.4 + day) + 0.15 * wander(random.normal(size=num_hours), 0.8, 0.12) * (1 + 0.5 * day)
    return (level * demand).astype(np.float32)


def wander(shocks_T: np.ndarray, memory: float, scale: float) -> np.ndarray:
    """Return a first-order autoregression, shape (T,)."""
    values_T, value = np.empty_like(shocks_T), 0.0
    for i, shock in enumerate(shocks_T):
        values_T[i] = value = memory * value + scale * shock
    return values_T


def row(curves: list[Curve], fixed: list[Curve]) -> Row:
    """Return the medians of one way's ratios to fixed 32's, seed by seed."""
    pairs = list(zip(curves, fixed, strict=True))
    return Row(
        time=float(np.median([c.cpu_s_to(f.losses.min()) / f.cpu_s_to(f.losses.min()) for c, f in pairs])),
        total=float(np.median([c.cpu_s[-1] / f.cpu_s[-1] for c, f in pairs])),
        best=float(np.median([c.losses.min() / f.losses.min() for c, f in pairs])),
        last=float(np.median([c.losses[-1] / f.losses[-1] for c, f in pairs])),
    )


def show(rows: dict[str, Row], fixed: list[Curve]) -> None:
    """Print the table."""
    reached, loss = np.median([f.cpu_s_to(f.losses.min()) for f in fixed]), np.median([f.losses.min() for f in fixed])
    print(f"fixed 32 takes {reached:.1f} CPU-s to its least validation loss, {loss:.5f}. As ratios to fixed 32's:")
    print(f"{'':34} {'time to that loss':>18} {'all epochs':>11} {'least loss':>11} {'last loss':>10}")
    for what, found in rows.items():
        print(f"{what:34} {found.time:18.2f} {found.total:11.2f} {found.best:11.3f} {found.last:10.3f}")


def judge(rows: dict[str, Row]) -> None:
    """Compare with the goals, and end."""
    schedule, auto = rows[DEFAULT], rows[AUTO]
    best_fixed = min((what for what in rows if what.startswith("fixed")), key=lambda what: rows[what].time)
    value = {
        "schedule": round(schedule.time, 2),
        "schedule_last_loss": round(schedule.last, 3),
        "auto": round(auto.time, 2),
        "auto_to_best_fixed": round(auto.time / rows[best_fixed].time, 2),
        "best_fixed": best_fixed,
    }
    goal = {
        "schedule": MAX_SCHEDULE,
        "schedule_last_loss": MAX_LOSS,
        "auto": MAX_AUTO,
        "auto_to_best_fixed": MAX_AUTO_TO_BEST_FIXED,
    }
    holds = all(value[what] <= most for what, most in goal.items())
    for what in goal:
        if not math.isfinite(value[what]):
            value[what] = "never"  # JSON has no infinity
    conclude("the schedule takes half of fixed 32's CPU time to its loss, and auto a third", value, goal, holds)


if __name__ == "__main__":
    main()
