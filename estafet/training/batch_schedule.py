"""The batch-size schedule: each epoch's batch size and learning-rate factor, as functions of the history so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from estafet.runfile.batch import Batch

BATCH_SIZE, NOISE_SCALE = "batch_size", "noise_scale"
"""Names under which an epoch's history holds its batch size, and the gradient noise scale measured at its end."""
SHARE_UNTIL_LIMIT = 0.5
"""Share of all epochs in which the batch grows, where the run file does not say when."""


@dataclass(frozen=True)
class BatchSchedule:
    """A global batch size that grows, and the learning rate that goes with it.

    Attributes:
        start: Batch size of epoch 0.
        limit: Batch size that is never exceeded.
        growth: Factor of each growth, above 1.
        when: epochs, plateau or noise: what decides about a growth.
        boundaries: With `epochs`: the epochs (from 0) before which the batch grows, rising.
        patience: With `plateau`: epochs without improvement after which it grows.
        min_improvement: With `plateau`: share by which the judged value must fall to count as improved.
        learning_rate_rule: none, sqrt or linear: how the learning rate follows the batch.
        warm_up_steps: Optimiser steps over which the learning rate goes to its new value after a growth.

    Source:
        Smith et al., "Don't Decay the Learning Rate, Increase the Batch Size", 2018; for the square root, Krizhevsky,
        "One weird trick for parallelizing convolutional neural networks", 2014; for the noise scale, McCandlish et al.,
        "An Empirical Model of Large-Batch Training", 2018.
    """

    start: int
    limit: int
    growth: float = 2.0
    when: str = "epochs"
    boundaries: tuple[int, ...] = ()
    patience: int = 1
    min_improvement: float = 0.005
    learning_rate_rule: str = "none"
    warm_up_steps: int = 0

    @classmethod
    def from_settings(cls, batch: Batch, num_epochs: int, start: int | None = None) -> BatchSchedule:
        """Return the run file's schedule.

        Args:
            batch: The `train.batch` section; where it says `auto`, the schedule has its first size and its limit.
            num_epochs: Number of epochs of the training.
            start: What `tune` found, if it did; it wins over the first size, up to the limit.
        """
        first = min(batch.limit, batch.start if start is None else start)
        schedule = cls(
            first,
            batch.limit,
            batch.growth,
            batch.when,
            (),
            batch.patience,
            batch.min_improvement,
            batch.learning_rate_rule,
            batch.warm_up_steps,
        )
        if batch.when == "auto":
            return replace(schedule, when="epochs", learning_rate_rule="none", warm_up_steps=0)
        if batch.when != "epochs":
            return schedule
        return replace(schedule, boundaries=_boundaries(batch, num_epochs, len(schedule.sizes) - 1))

    @classmethod
    def usual(cls, start: int, limit: int, num_epochs: int) -> BatchSchedule:
        """Return a schedule that doubles the batch until it reaches its limit after half of the epochs."""
        return cls.from_settings(Batch(start=start, limit=limit), num_epochs)

    @classmethod
    def constant(cls, batch_size: int) -> BatchSchedule:
        """Return a schedule that stays at one size."""
        return cls(batch_size, batch_size)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The sizes from the first to the limit, each at least one example larger than the one before."""
        sizes, exact = [self.start], float(self.start)
        while sizes[-1] < self.limit:
            exact *= self.growth
            sizes.append(min(self.limit, max(sizes[-1] + 1, round(exact))))
        return tuple(sizes)

    def batch_size(self, history: Sequence[Mapping[str, float]], judged_by: str = "") -> int:
        """Return the global batch size of the next epoch.

        Args:
            history: What is known of each finished epoch: its batch size, the judged validation value for `plateau`,
                the noise scale for `noise`.
            judged_by: For `plateau`: the name of the value in it that should fall.
        """
        if self.when == "plateau":
            level = self._level_by_plateau([epoch[judged_by] for epoch in history])
        elif self.when == "noise":
            level = self._level_by_noise([epoch.get(NOISE_SCALE, 0.0) for epoch in history])
        else:
            level = sum(boundary <= len(history) for boundary in self.boundaries)
        return self.sizes[min(level, len(self.sizes) - 1)]

    def learning_rate_factor(self, batch_size: int) -> float:
        """Return the factor to the first learning rate at a batch size."""
        ratio = batch_size / self.start
        return {"none": 1.0, "sqrt": math.sqrt(ratio), "linear": ratio}[self.learning_rate_rule]

    def _level_by_plateau(self, values: Sequence[float]) -> int:
        """Return how often the batch has grown; after a growth, patience is counted anew."""
        level, waited, best = 0, 0, math.inf
        for value in values:
            if value < best * (1 - self.min_improvement) or best == math.inf:
                best, waited = value, 0
            else:
                waited += 1
            if waited >= self.patience:
                level, waited = level + 1, 0
        return level

    def _level_by_noise(self, noise_scales: Sequence[float]) -> int:
        """Return the largest size that some epoch's noise scale reached; the batch never shrinks."""
        largest = max(noise_scales, default=0.0)
        return max(0, sum(size <= largest for size in self.sizes) - 1)


def _boundaries(batch: Batch, num_epochs: int, num_growths: int) -> tuple[int, ...]:
    """Return the epochs before which the batch grows."""
    if batch.at:
        return tuple(int(place) if place >= 1 else max(1, round(place * num_epochs)) for place in batch.at)
    if batch.every_epochs:
        return tuple(range(batch.every_epochs, num_epochs, batch.every_epochs))
    share = SHARE_UNTIL_LIMIT / max(1, num_growths)
    return tuple(max(1, round((i + 1) * share * num_epochs)) for i in range(num_growths))


def num_steps(num_examples: int, batch_size: int, num_replicas: int = 1) -> int:
    """Return the number of optimiser steps in an epoch.

    The last, smaller batch counts, unless it has too few examples to give each replica one.
    """
    full, rest = divmod(num_examples, batch_size)
    return full + (1 if rest and (rest >= num_replicas or full == 0) else 0)


def total_steps(schedule: BatchSchedule, num_examples: int, num_epochs: int) -> dict[int, int]:
    """Return how many steps a training takes at each batch size; what is decided later counts at the first size."""
    steps: dict[int, int] = {}
    for epoch in range(num_epochs):
        level = sum(boundary <= epoch for boundary in schedule.boundaries) if schedule.when == "epochs" else 0
        size = min(num_examples, schedule.sizes[min(level, len(schedule.sizes) - 1)])
        steps[size] = steps.get(size, 0) + num_steps(num_examples, size)
    return steps
