"""One trial: trains a configuration on each slice, and measures what it is worth and what it costs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import tensorflow as tf

from components.tune import measuring
from components.tune.slices import Slice
from estafet.errors import ConfigError, StepFailed
from estafet.runfile.optimise import COSTS
from estafet.runfile.steps import TuneSettings
from estafet.runfile.tune import Rung
from estafet.telemetry import Progress, silent
from estafet.training import feeding, loop
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.checkpoints import Epoch
from estafet.training.execution import STEPS_PER_EXECUTION
from estafet.training.feeding import Source
from estafet.training.models import ModelSpec
from estafet.training.models.hyperparameters import whole
from estafet.training.workbench import Workbench

Report = Callable[[int, float], None]


@dataclass(frozen=True)
class Measured:
    """What is known of a trial.

    Attributes:
        value_curve: The watched metric after each epoch, over all rungs, on the first fold.
        metrics: Validation metrics at the best epoch, the mean over the folds, and what the trial costs.
        epochs: Number of epochs that were trained, over all folds.
        seconds: Wall time, the measuring included.
        cpu_seconds: CPU time of this process, the measuring included.
    """

    value_curve: list[float]
    metrics: dict[str, float]
    epochs: int
    seconds: float
    cpu_seconds: float


class Trainer:
    """Trains configurations, one after the other; equal shapes share one compiled model.

    Attributes:
        partial: What was measured of the last trial until `report` ended it; None where it came to its end.
    """

    def __init__(
        self, settings: TuneSettings, spec: ModelSpec, wanted: Collection[str], metric: str, maximised: bool
    ) -> None:
        """Prepare.

        Args:
            settings: The run file's `tune` section, the model and the task.
            spec: What the model must take and give.
            wanted: Names of the metrics and costs that a trial must measure.
            metric: The metric that is reported after each epoch and picks the best one.
            maximised: Whether more of it is better.

        Raises:
            ConfigError: A trial of this task cannot measure one of them.
        """
        measuring.check(spec.task, wanted, metric)
        self.settings, self.spec, self.metric, self.maximised = settings, spec, metric, maximised
        self.costs = tuple(name for name in wanted if name in COSTS)
        known = (*measuring.in_history(spec.task), *COSTS)
        self.from_predictions = tuple(name for name in {*wanted, metric} if name not in known)
        self.workbench = Workbench()
        self.partial: Measured | None = None
        self._parts: dict[tuple[int, float], tuple[Source, Source]] = {}

    def measure(
        self,
        hyperparameters: Mapping[str, Any],
        slices: Sequence[Slice],
        *,
        epochs: int | None = None,
        report: Report | None = None,
        progress: Progress = silent,
        rungs: Sequence[Rung] = (),
    ) -> Measured:
        """Train a configuration on each slice, and return what it is worth.

        On the first fold the rungs are gone through one after the other, and weights begin anew where the share grows.
        On the others, where nothing is pruned, the last share alone is trained on.

        Args:
            hyperparameters: All of the model's, and `learning_rate` and `batch_size`.
            slices: What it learns from and is judged on.
            epochs: Number of epochs on the whole slice, where it is not what `rungs` or the settings say.
            report: Told the epochs that are done, from 1, and the watched metric, after each epoch on the first fold;
                what it raises ends the trial.
            progress: Told how far the trial is, in epochs.
            rungs: Stages in place of those of the settings.

        Raises:
            ConfigError: The batch size or learning rate is none, or the model cannot be built.
            DataError: A shard is damaged.
            StepFailed: The training diverges or comes to NaN, or does not fit into memory.
        """
        rate, batch_size = _checked(hyperparameters)
        trial = _Trial(self, hyperparameters, rate, batch_size, report, progress)
        self.partial = None
        try:
            return trial.run(slices, self._stages(epochs, rungs))
        except (tf.errors.ResourceExhaustedError, MemoryError) as error:
            said = (str(error).splitlines() or [""])[0][:200]
            raise StepFailed(
                f"memory ran out: {said or type(error).__name__}.", hint="search smaller models or smaller batches."
            ) from error
        except StepFailed:
            raise
        except Exception:
            self.partial = trial.measured()
            raise

    def _stages(self, epochs: int | None, rungs: Sequence[Rung]) -> list[tuple[float, int]]:
        """Return shares of the slice, and the number of epochs on each; a share that stays is trained on."""
        rungs = rungs or self.settings.rungs
        if epochs is not None or not rungs:
            return [(1.0, epochs or self.settings.epochs)]
        shares = groupby(rungs, key=lambda rung: rung.share)
        return [(share, sum(rung.epochs for rung in equal)) for share, equal in shares]

    def part(self, source: Source, share: float) -> Source:
        """Return a share of a slice, taken as the slice itself is, and kept for the next trials."""
        if share == 1:
            return source
        key = (id(source), share)
        if key not in self._parts:
            of_split = min(1.0, source.share * share)
            part = feeding.load(
                source.folder,
                source.split,
                share=of_split,
                fold=source.fold,
                augment=source.augment,
                by=source.by,
                seed=source.seed,
            )
            self._parts[key] = source, part
        return self._parts[key][1]


class _Trial:
    """One configuration, while it is trained and measured."""

    def __init__(
        self,
        trainer: Trainer,
        hyperparameters: Mapping[str, Any],
        rate: float,
        batch_size: int,
        report: Report | None,
        progress: Progress,
    ):
        self.trainer, self.hyperparameters, self.report, self.progress = trainer, hyperparameters, report, progress
        settings = trainer.settings
        self.plan = loop.Plan(
            settings.epochs,
            BatchSchedule.constant(batch_size),
            rate,
            devices="single",
            xla="off",
            seed=settings.seed,
            steps_per_execution=STEPS_PER_EXECUTION,  # one for all batch sizes, so that none is traced anew
        )
        self.curve: list[float] = []
        self.of_folds: list[dict[str, float]] = []
        self.costs: dict[str, float] = {}
        self.num_epochs, self.trained_s = 0, 0.0
        self._begun = time.monotonic(), time.process_time()
        self._best: _Best | None = None

    def run(self, slices: Sequence[Slice], stages: Sequence[tuple[float, int]]) -> Measured:
        """Train on all slices."""
        of_first, of_last = sum(epochs for _, epochs in stages), stages[-1][1]
        self.num_planned = of_first + (len(slices) - 1) * of_last
        for fold, found in enumerate(slices):
            for share, epochs in stages if fold == 0 else stages[-1:]:
                self._train(self.trainer.part(found.train, share), found.validation, epochs, is_first=fold == 0)
            self._judge(found.validation, is_first=fold == 0)
        return self.measured()

    def _train(self, train: Source, validation: Source, epochs: int, *, is_first: bool) -> None:
        """Train from the beginning, and remember the best epoch."""
        self._best, done, begun = None, self.num_epochs, time.monotonic()

        def on_epoch(epoch: int, values: Epoch) -> None:
            self.num_epochs += 1
            value = self._look(values, validation)
            if is_first:
                self.curve.append(value)
                if self.report:
                    self.report(len(self.curve), value)

        def progress(message: str, of_stage: float | None = None, total: float | None = None) -> None:
            self.progress(message, done + (of_stage or 0), self.num_planned)

        try:
            loop.fit(
                self.trainer.spec,
                self.trainer.settings.model.build,
                self.hyperparameters,
                train,
                validation,
                replace(self.plan, epochs=epochs),
                on_epoch=on_epoch,
                progress=progress,
                workbench=self.trainer.workbench,
            )
        finally:
            self.trained_s += time.monotonic() - begun

    def _look(self, values: Epoch, validation: Source) -> float:
        """Return the watched metric after an epoch, and remember the epoch if it is the best so far."""
        trainer = self.trainer
        found = {name: values[f"val_{name}"] for name in measuring.in_history(trainer.spec.task)}
        if trainer.metric not in found:
            found = {**self._predicted(validation), **found}
        value = found.get(trainer.metric, math.nan)
        if not math.isfinite(value):
            raise StepFailed(
                f"{trainer.metric} is not defined on the validation split.",
                hint="give data.split.validation a larger share, or optimise another metric.",
            )
        if self._best is None or (value > self._best.value if trainer.maximised else value < self._best.value):
            model = trainer.workbench.current.learner.model
            is_needed = any(name not in found for name in trainer.from_predictions)
            self._best = _Best(value, found, model.get_weights() if is_needed else None)
        return value

    def _judge(self, validation: Source, *, is_first: bool) -> None:
        """Measure what is wanted and the history has not, with the weights of the best epoch."""
        trainer, found = self.trainer, dict(self._best.metrics)
        current = trainer.workbench.current
        if self._best.weights is not None:
            current.learner.model.set_weights(self._best.weights)
            found = {**self._predicted(validation), **found}
        wanted = {*measuring.in_history(trainer.spec.task), *trainer.from_predictions}
        self.of_folds.append({name: value for name, value in found.items() if name in wanted})
        self._best = None
        if is_first and trainer.costs:
            weights = current.learner.model.get_weights()
            self.costs = measuring.costs(trainer.costs, current.answer, weights, trainer.workbench.judged(validation))

    def _predicted(self, validation: Source) -> dict[str, float]:
        """Return the metrics of what the model predicts now."""
        bench = self.trainer.workbench
        return measuring.predicted(bench.current.answer, bench.judged(validation), self.trainer.spec)

    def measured(self) -> Measured:
        """Return what is known of the trial until now."""
        of_folds = self.of_folds or ([self._best.metrics] if self._best else [])
        names = [name for name in (of_folds[0] if of_folds else ()) if all(name in found for found in of_folds)]
        means = {name: sum(found[name] for found in of_folds) / len(of_folds) for name in names}
        costs = {**self.costs, "seconds": self.trained_s}
        means |= {name: costs[name] for name in self.trainer.costs if name in costs}
        wall, cpu = self._begun
        return Measured(self.curve, means, self.num_epochs, time.monotonic() - wall, time.process_time() - cpu)


@dataclass(frozen=True)
class _Best:
    """The best epoch of a training.

    Attributes:
        value: Its watched metric.
        metrics: Its validation metrics.
        weights: The model's, where other metrics must be computed from them.
    """

    value: float
    metrics: dict[str, float]
    weights: list[np.ndarray] | None


def _checked(hyperparameters: Mapping[str, Any]) -> tuple[float, int]:
    """Return learning rate and batch size."""
    rate, batch_size = hyperparameters["learning_rate"], whole(hyperparameters["batch_size"])
    if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1 or not rate > 0:
        raise ConfigError(
            f"a trial got batch_size {batch_size!r} and learning_rate {rate!r}.",
            hint="correct tune.space: batch_size is a whole number from 1 (integer: true), learning_rate above 0.",
        )
    return float(rate), batch_size
