"""A search whose trials cost nothing, for tests and the benchmark: real processes and a real study, no TensorFlow."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler

from components.tune.running.budget import Budget
from components.tune.running.job import Job
from components.tune.running.search import Search
from components.tune.study.storage import open_storage
from estafet.errors import ConfigError, StepFailed

MAKER = f"{__name__}:make"
NAME = "cheap"


@dataclass
class CheapMeasured:
    """What a cheap trial gives."""

    value_curve: list[float]
    metrics: dict[str, float]
    epochs: int
    seconds: float = 0.01
    cpu_seconds: float = 0.01


@dataclass
class CheapJudge:
    """The loss is optimised; `worst` bounds it."""

    first: str = "loss"
    maximised: bool = False
    is_its_curve: bool = True
    leads_upwards: bool = False
    worst: float = 1.0

    def values(self, metrics: Mapping[str, float]) -> list[float]:
        """Return the loss."""
        return [metrics["loss"]]

    def violations(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return by how much the loss is above `worst`."""
        return {f"loss <= {self.worst:g}": metrics["loss"] - self.worst}


@dataclass
class CheapTrial:
    """Measures `(x - 1)²`, in a few epochs in which it comes nearer.

    Attributes:
        diary: File that gets a line, `PID X`, for each training that begins; None for no file.
        sleep_s: Seconds of each epoch.
        epochs: Number of epochs.
        trouble: What becomes of it: `die`, `config`, `fail`, `nan` or `bug`; empty for nothing.
    """

    diary: str | None = None
    sleep_s: float = 0.0
    epochs: int = 1
    trouble: str = ""

    def __call__(self, hyperparameters: Mapping[str, Any], *, report, progress) -> CheapMeasured:
        x = float(hyperparameters["x"])
        if self.diary:
            with open(self.diary, "a", encoding="utf-8") as file:
                file.write(f"{os.getpid()} {x}\n")
        self._get_into_trouble()
        curve = []
        for epoch in range(1, self.epochs + 1):
            time.sleep(self.sleep_s)
            curve.append((x - 1) ** 2 + 1 / epoch - 1 / self.epochs)
            progress("training", epoch, self.epochs)
            report(epoch, curve[-1])
        return CheapMeasured(curve, {"loss": float("nan") if self.trouble == "nan" else curve[-1]}, self.epochs)

    def _get_into_trouble(self) -> None:
        if self.trouble == "die":
            os._exit(9)
        if self.trouble == "config":
            raise ConfigError("x is wrong.", hint="set x.")
        if self.trouble == "fail":
            raise StepFailed("it diverged")
        if self.trouble == "bug":
            raise ZeroDivisionError("division by zero")


def job(folder: Path, **about: Any) -> Job:
    """Return the job of a cheap search in `folder`; see `make` for what it may be told."""
    return Job(MAKER, {"folder": str(folder), "diary": str(folder / "diary"), **about})


def make(about: Mapping[str, Any], worker: int) -> Search:
    """Make the search.

    Args:
        about: `folder`; and perhaps `url` of a database in place of the journal in it, `trials`, `hours`, `points`
            (values of x that are tried first, or the only ones where `is_grid`), and what a `CheapTrial` is told.
        worker: Which worker this is.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if about.get("trouble") == "start":
        print("there is no such thing", flush=True)
        os._exit(3)
    study = optuna.create_study(
        storage=open_storage(about.get("url"), Path(about["folder"])),
        study_name=NAME,
        load_if_exists=True,
        pruner=NopPruner(),
    )
    study.sampler = RandomSampler(seed=1000 * worker + len(study.trials))
    points = about.get("points", [])
    budget = Budget(about.get("trials", 4), about.get("hours"), len(points) if about.get("is_grid") else None)
    trial = CheapTrial(**{name: about[name] for name in ("diary", "sleep_s", "epochs", "trouble") if name in about})

    def draw(trial: optuna.Trial) -> dict[str, float]:
        return {"x": trial.suggest_float("x", -2.0, 2.0)}

    return Search(study, budget, draw, trial, CheapJudge(), enqueue=lambda: _enqueue(study, points))


def _enqueue(study: optuna.Study, points: list[float]) -> None:
    for x in points:
        study.enqueue_trial({"x": x}, skip_if_exists=True)
