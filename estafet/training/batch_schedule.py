"""The batch-size schedule: batch size and learning-rate factor as pure functions of the epoch, and who applies them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from estafet.runfile.train import Batch


@dataclass(frozen=True)
class BatchSchedule:
    """A global batch size that grows every few epochs.

    Attributes:
        start: Batch size of epoch 0.
        max: Batch size that is never exceeded.
        growth: Factor of each growth, at least 1.
        every_epochs: Number of epochs between two growths.
        learning_rate_rule: none, sqrt or linear: how the learning rate follows the batch.

    Source:
        Smith et al., "Don't Decay the Learning Rate, Increase the Batch Size", 2018; for the square root, Krizhevsky,
        "One weird trick for parallelizing convolutional neural networks", 2014.
    """

    start: int
    max: int
    growth: float = 1.0
    every_epochs: int = 1
    learning_rate_rule: str = "none"

    @classmethod
    def from_settings(cls, batch: Batch, start: int | None = None) -> BatchSchedule:
        """Return the run file's schedule; `start` (what `tune` found) wins over its first size, up to its limit."""
        first = min(batch.max, batch.start if start is None else start)
        return cls(first, batch.max, batch.growth, batch.every_epochs, batch.learning_rate_rule)

    @classmethod
    def constant(cls, batch_size: int) -> BatchSchedule:
        """Return a schedule that stays at one size."""
        return cls(batch_size, batch_size)

    def batch_size(self, epoch: int) -> int:
        """Return the global batch size of an epoch, which counts from 0."""
        num_growths = epoch // self.every_epochs
        if num_growths * math.log(self.growth) >= math.log(self.max / self.start):  # also keeps 2.0**2000 away
            return self.start if self.growth == 1 else self.max
        return min(self.max, round(self.start * self.growth**num_growths))

    def learning_rate_factor(self, epoch: int) -> float:
        """Return the factor to the first learning rate in an epoch, which counts from 0."""
        ratio = self.batch_size(epoch) / self.start
        return {"none": 1.0, "sqrt": math.sqrt(ratio), "linear": ratio}[self.learning_rate_rule]


def num_steps(num_examples: int, batch_size: int, num_replicas: int = 1) -> int:
    """Return the number of optimiser steps in an epoch.

    The last, smaller batch counts, unless it has too few examples to give each replica one.
    """
    full, rest = divmod(num_examples, batch_size)
    return full + (1 if rest and (rest >= num_replicas or full == 0) else 0)
