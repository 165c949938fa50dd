"""Applies the batch-size schedule: batch size and learning rate before each epoch, and the epoch's end."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from estafet.training.batch_schedule import BATCH_SIZE, BatchSchedule, num_steps
from estafet.training.checkpoints import Epoch
from estafet.training.feeding import Position
from estafet.training.learning_rate import RampedRate


class Schedule(keras.callbacks.Callback):
    """Sets batch size and learning rate before each epoch, and ends the epoch after its last batch.

    With batches of changing size the number of steps is unknown to Keras, which then finds the end by asking for one
    batch too many and counts an optimiser step for it. Here the steps are counted, and `stop_training` leaves the
    epoch's loop before Keras asks. This callback must come first, so that later ones may truly stop the training.

    Attributes:
        position: The variables that the data set reads.
        num_steps: Number of batches of the current epoch.
        steps_done: How many of them are done.
    """

    def __init__(
        self, schedule: BatchSchedule, learning_rate: float, num_examples: int, history: list[Epoch], judged_by: str
    ):
        """Prepare.

        Args:
            schedule: What decides about the batch size.
            learning_rate: Learning rate at the schedule's first size.
            num_examples: Number of training examples, over all replicas.
            history: What is known of each finished epoch; somebody else appends to it.
            judged_by: Name of the value in it that should fall.
        """
        super().__init__()
        self.schedule, self.learning_rate, self.num_examples = schedule, learning_rate, num_examples
        self.history, self.judged_by = history, judged_by
        self.position = Position.start()
        self.num_steps, self.steps_done = 0, 0

    def begin_with(self, first_batch: int) -> None:
        """Begin the next epoch with this batch, the ones before being done already."""
        self.steps_done = first_batch

    def on_epoch_begin(self, epoch, logs=None):
        """Apply the schedule."""
        batch_size = self.next_batch_size()
        self.position.batch_size.assign(batch_size)
        self.position.epoch.assign(epoch)
        self.position.first_batch.assign(self.steps_done)
        self._first = self.steps_done
        self._taken_before = int(keras.ops.convert_to_numpy(self.model.steps_taken)) - self.steps_done
        self.num_steps = self.steps_of(batch_size)
        self._set_learning_rate(batch_size)

    def next_batch_size(self) -> int:
        """Return the batch size of the epoch that follows the history."""
        return min(self.schedule.batch_size(self.history, self.judged_by), self.num_examples)

    def steps_of(self, batch_size: int) -> int:
        """Return the number of steps in an epoch with this batch size."""
        return num_steps(self.num_examples, batch_size, self.model.distribute_strategy.num_replicas_in_sync)

    def finished_steps(self) -> int:
        """Return how many steps of the epoch the learner has finished, also where a call of several broke off."""
        return int(keras.ops.convert_to_numpy(self.model.steps_taken)) - self._taken_before

    def on_train_batch_end(self, batch, logs=None):
        """Leave the epoch's loop after the last batch."""
        self.steps_done = min(self.num_steps, self._first + batch + 1)
        if self.steps_done == self.num_steps:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        """Let the training go on."""
        self.steps_done = 0
        self.model.stop_training = False

    def describe(self) -> Epoch:
        """Return batch size and learning rate of the current epoch."""
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        return {BATCH_SIZE: int(self.position.batch_size.numpy()), "learning_rate": rate}

    def _set_learning_rate(self, batch_size: int) -> None:
        after = self._rate_at(batch_size)
        optimizer = self.model.optimizer
        ramp = getattr(optimizer, "inner_optimizer", optimizer)._learning_rate  # in float16 one scales the losses
        if isinstance(ramp, RampedRate):
            growth, before = self._last_growth(batch_size)
            ramp.ramp(self._rate_at(before), after, growth, self.schedule.warm_up_steps)
        else:
            optimizer.learning_rate = after

    def _rate_at(self, batch_size: int) -> float:
        return self.learning_rate * self.schedule.learning_rate_factor(batch_size)

    def _last_growth(self, batch_size: int) -> tuple[int, int]:
        """Return the optimiser step at which the current size began, and the size before it."""
        sizes = [int(_size(epoch)) for epoch in self.history] + [batch_size]
        change = next((i for i in range(len(sizes) - 1, 0, -1) if sizes[i] != sizes[i - 1]), 0)
        return sum(self.steps_of(size) for size in sizes[:change]), sizes[max(0, change - 1)]


def _size(epoch: Mapping[str, float]) -> float:
    return epoch[BATCH_SIZE]
