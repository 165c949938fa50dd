"""What happens between two epochs: the schedule is applied, the epoch recorded, checked, reported and kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import keras
import tensorflow as tf

from estafet.errors import StepFailed
from estafet.telemetry import Progress
from estafet.tracking import Tracker
from estafet.training.batch_schedule import BatchSchedule, num_steps
from estafet.training.checkpoints import Checkpoints, Epoch


class Schedule(keras.callbacks.Callback):
    """Sets batch size and learning rate before each epoch, and ends the epoch after its last batch.

    With batches of changing size the number of steps is unknown to Keras, which then finds the end by asking for one
    batch too many and counts an optimiser step for it. Here the steps are counted, and `stop_training` leaves the
    epoch's loop before Keras asks. This callback must come first, so that later ones may truly stop the training.
    """

    def __init__(self, schedule: BatchSchedule, learning_rate: float, num_examples: int):
        super().__init__()
        self.schedule, self.learning_rate, self.num_examples = schedule, learning_rate, num_examples
        self.batch_size = tf.Variable(1, dtype=tf.int64, trainable=False)
        self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.num_steps = 0

    def on_epoch_begin(self, epoch, logs=None):
        """Apply the schedule."""
        batch_size = min(self.schedule.batch_size(epoch), self.num_examples)
        self.batch_size.assign(batch_size)
        self.epoch.assign(epoch)
        self.num_steps = num_steps(self.num_examples, batch_size, self.model.distribute_strategy.num_replicas_in_sync)
        self.model.optimizer.learning_rate = self.learning_rate * self.schedule.learning_rate_factor(epoch)

    def on_train_batch_end(self, batch, logs=None):
        """Leave the epoch's loop after the last batch."""
        if batch + 1 >= self.num_steps:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        """Let the training go on."""
        self.model.stop_training = False

    def describe(self) -> Epoch:
        """Return batch size and learning rate of the current epoch."""
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        return {"batch_size": int(self.batch_size.numpy()), "learning_rate": rate}


class Recorder(keras.callbacks.Callback):
    """Records each epoch in the history, refuses numbers that are none, and tells progress, tracker and `on_epoch`."""

    def __init__(
        self,
        schedule: Schedule,
        history: list[Epoch],
        num_epochs: int,
        judged_by: str,
        progress: Progress,
        tracker: Tracker,
        on_epoch: Callable[[int, Epoch], None] | None = None,
    ):
        super().__init__()
        self.schedule, self.history, self.num_epochs, self.judged_by = schedule, history, num_epochs, judged_by
        self.progress, self.tracker, self.on_epoch = progress, tracker, on_epoch
        self.message, self.first_epoch = "first epoch", len(history)
        self.begun = self.epoch_begun = time.monotonic()

    def on_train_begin(self, logs=None):
        """Give the tracker the epochs that an earlier, killed process finished."""
        self.begun = time.monotonic()
        for epoch, values in enumerate(self.history):
            self.tracker.log_metrics(values, step=epoch)

    def on_epoch_begin(self, epoch, logs=None):
        """Begin to measure the epoch."""
        self.epoch_begun = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        """Tell how far the epoch is."""
        share = min(1.0, (batch + 1) / self.schedule.num_steps)
        self.progress(self.message, round(len(self.history) + share, 2), self.num_epochs)

    def on_epoch_end(self, epoch, logs=None):
        """Record the epoch."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        self._refuse_nan(epoch, values)
        values |= {**self.schedule.describe(), "seconds": round(time.monotonic() - self.epoch_begun, 4)}
        self.history.append(values)
        self.message = self._describe(epoch, values)
        self.progress(self.message, epoch + 1, self.num_epochs)
        self.tracker.log_metrics(values, step=epoch)
        if self.on_epoch:
            self.on_epoch(epoch, values)

    def _refuse_nan(self, epoch: int, values: Epoch) -> None:
        broken = [name for name, value in values.items() if not math.isfinite(value)]
        if broken:
            rate = self.schedule.describe()["learning_rate"]
            raise StepFailed(
                f"{broken[0]} is {values[broken[0]]} after epoch {epoch + 1} of {self.num_epochs}, at a learning rate "
                f"of {rate:g}.",
                hint=f"lower train.learning_rate, for instance to {rate / 10:g}; if that does not help, look for "
                "extreme values among the features and the label.",
            )

    def _describe(self, epoch: int, values: Epoch) -> str:
        done = epoch + 1 - self.first_epoch
        left_s = (time.monotonic() - self.begun) / done * (self.num_epochs - epoch - 1)
        judged = f"val_{self.judged_by}"
        shown = "val_accuracy" if "val_accuracy" in values else judged
        left = f" · {left_s:.0f} s left" if left_s >= 1 else ""
        return f"epoch {epoch + 1}/{self.num_epochs} · loss {values['loss']:.4f} · {shown} {values[shown]:.4g}{left}"


class KeepAndStop(keras.callbacks.Callback):
    """Keeps a checkpoint of each epoch, and stops when the judged metric has not improved for `patience` epochs."""

    def __init__(self, history: list[Epoch], checkpoints: Checkpoints | None, judged_by: str, patience: int | None):
        super().__init__()
        self.history, self.checkpoints, self.judged_by, self.patience = history, checkpoints, judged_by, patience

    @property
    def is_over(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and len(self.history) - 1 - best_epoch(self.history, self.judged_by) >= (
            self.patience
        )

    def on_epoch_end(self, epoch, logs=None):
        """Keep the epoch, and stop where patience has run out."""
        if self.checkpoints:
            best = best_epoch(self.history, self.judged_by) if self.patience else None
            self.checkpoints.save(self.model, self.history, best)
        if self.is_over:
            self.model.stop_training = True


def best_epoch(history: list[Epoch], judged_by: str) -> int:
    """Return the epoch (from 0) with the least validation value of the judged metric; the first of equals."""
    return min(range(len(history)), key=lambda epoch: history[epoch][f"val_{judged_by}"])
