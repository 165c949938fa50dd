"""Measures the gradient noise scale at the end of each epoch, for the schedule and for the curves."""

from __future__ import annotations

import keras

from estafet.training.batch_schedule import NOISE_SCALE
from estafet.training.distribution import is_chief
from estafet.training.feeding import Source
from estafet.training.noise_scale import NUM_PARTS, PART_SIZE, NoiseScale
from estafet.training.workers.agreement import Agreement


class MeasureNoise(keras.callbacks.Callback):
    """Adds the noise scale to each epoch's values; it must come before what records them.

    Args:
        train: Where the examples to measure on come from.
        seed: Chooses them.
    """

    def __init__(self, train: Source, seed: int):
        super().__init__()
        self.train, self.seed = train, seed
        self._scale: NoiseScale | None = None

    def on_epoch_end(self, epoch, logs=None):
        """Measure; no more than all examples are worth a batch."""
        if self._scale is None:
            num_parts = max(2, min(NUM_PARTS, self.train.num_examples // 2))
            self._scale = NoiseScale(self.model, num_parts)
            at_once = min(PART_SIZE, self.model.part_size or PART_SIZE)
            size = num_parts * max(1, min(at_once, self.train.num_examples // num_parts))
            self._examples = self.train.first(size, self.seed)
            strategy = self.model.distribute_strategy
            self._agreement = Agreement(strategy, is_chief(strategy))
        measured = min(self._scale.measure(*self._examples), float(self.train.num_examples))
        logs[NOISE_SCALE] = self._agreement.chiefs(measured)  # the schedule of all workers hangs on it
