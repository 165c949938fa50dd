"""One candidate, trained again: how it went, kept in a file, so that a proof that was killed goes on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna

from components.tune.proof.halving import Race
from estafet.errors import StepFailed
from estafet.files import read_json, write_json
from estafet.telemetry import Progress

if TYPE_CHECKING:
    from components.tune.slices import Slice
    from components.tune.training import Measured, Trainer


@dataclass(frozen=True)
class Retrained:
    """How a candidate went on more data.

    Attributes:
        curve: The watched metric after each epoch.
        metrics: Metrics at the best epoch, and costs; empty for one that ended early.
        epochs: Number of epochs, over all folds.
        seconds: Wall time.
        cpu_seconds: CPU time.
        failed: Why it failed; None where it did not.
    """

    curve: list[float]
    metrics: dict[str, float]
    epochs: int
    seconds: float
    cpu_seconds: float
    failed: str | None = None


@dataclass(frozen=True)
class Retraining:
    """Trains candidates again, or remembers how they went.

    Attributes:
        trainer: Trains and measures.
        slices: What is learned from now.
        race: When a candidate ends early.
        folder: Where finished ones are kept, each under its configuration and what it learned from, so that those of an
            earlier, smaller slice are found too.
        seed: That of the trainings, which tells them from those of another seed.
    """

    trainer: Trainer
    slices: tuple[Slice, ...]
    race: Race
    folder: Path
    seed: int

    def train(self, hyperparameters: Mapping[str, Any], progress: Progress) -> Retrained:
        """Return how a candidate goes on more data; it is trained unless that is known already.

        Args:
            hyperparameters: All of them.
            progress: Told how far it is.
        """
        path = self._path(hyperparameters)
        if path.is_file():
            kept = Retrained(**read_json(path))
            if kept.failed or self.race.is_over(kept.curve):
                return kept
        found = self._train(hyperparameters, progress)
        write_json(path, asdict(found))
        return found

    def knows(self, hyperparameters: Mapping[str, Any]) -> bool:
        """Whether it is known how a candidate goes, at least until others were better."""
        return self._path(hyperparameters).is_file()

    def _train(self, hyperparameters: Mapping[str, Any], progress: Progress) -> Retrained:
        race, curve, begun, cpu_begun = self.race, [], time.monotonic(), time.process_time()

        def report(step: int, value: float) -> None:
            curve.append(value)
            if len(curve) < race.epochs and race.ends(curve):
                raise optuna.TrialPruned()

        try:
            measured = self._measure(hyperparameters, report, progress)
        except optuna.TrialPruned:
            partial = self.trainer.partial
            return Retrained(curve, {}, partial.epochs, partial.seconds, partial.cpu_seconds)
        except StepFailed as error:
            spent = time.monotonic() - begun, time.process_time() - cpu_begun
            return Retrained(curve, {}, len(curve), *spent, failed=error.message)
        return Retrained(curve, dict(measured.metrics), measured.epochs, measured.seconds, measured.cpu_seconds)

    def _measure(
        self, hyperparameters: Mapping[str, Any], report: Callable[[int, float], None], progress: Progress
    ) -> Measured:
        return self.trainer.measure(
            hyperparameters, self.slices, epochs=self.race.epochs, report=report, progress=progress
        )

    def _path(self, hyperparameters: Mapping[str, Any]) -> Path:
        train = [slice_.train for slice_ in self.slices]
        learned_from = [[source.share, source.num_examples] for source in train]
        text = json.dumps([dict(hyperparameters), learned_from, self.seed, self.race.epochs], sort_keys=True)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
