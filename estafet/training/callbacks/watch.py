"""Watches a training for numbers that are none and for a loss that runs away, and ends it with advice."""

from __future__ import annotations

import math
import time

import keras

from estafet.errors import StepFailed
from estafet.training.callbacks.schedule import Schedule

LOOK_EVERY_S = 1.0
DIVERGED = 10.0
"""A loss so many times the untrained model's is no slow start any more."""
LEAST_LOSS = 0.5
"""The loss of predicting the mean, in standard deviations; where the model begins far below it, that counts."""


class Watch(keras.callbacks.Callback):
    """Ends a training whose loss or metric is NaN, infinite, or far above that of the untrained model.

    It must come before what saves checkpoints, so that the last one is still good.

    Args:
        schedule: Knows step and learning rate.
        num_epochs: Number of epochs, for the message.
        first_loss: Validation loss of the untrained model; NaN where it is not known.
        kept_in: Folder of the last good checkpoint, where there is one.
    """

    def __init__(self, schedule: Schedule, num_epochs: int, first_loss: float = math.nan, kept_in: str = ""):
        super().__init__()
        self.schedule, self.num_epochs, self.first_loss, self.kept_in = schedule, num_epochs, first_loss, kept_in
        self._looked_at = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        """Look whether a step's loss was no number, once a second at most."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self.look()

    def look(self) -> None:
        """Refuse to go on where the loss of a step was no number.

        Raises:
            StepFailed: It was; the message says at which step.
        """
        step = int(keras.ops.convert_to_numpy(self.model.bad_step))
        if step < 0:
            return
        epoch = len(self.schedule.history)
        in_epoch = step - sum(self.schedule.steps_of(int(e["batch_size"])) for e in self.schedule.history)
        raise self._failed(
            f"the loss is NaN or infinite at step {step + 1:,} (step {in_epoch + 1:,} of {self.schedule.num_steps:,} "
            f"in epoch {epoch + 1} of {self.num_epochs})"
        )

    def on_epoch_end(self, epoch, logs=None):
        """Look at the epoch's values."""
        self.look()
        values = {name: float(value) for name, value in (logs or {}).items()}
        broken = next((name for name, value in values.items() if not math.isfinite(value)), None)
        if broken:
            raise self._failed(f"{broken} is {values[broken]} after epoch {epoch + 1} of {self.num_epochs}")
        now = min(values["loss"], values.get("val_loss", math.inf))
        if now > DIVERGED * max(self.first_loss, LEAST_LOSS):
            raise self._failed(
                f"the training diverges: after epoch {epoch + 1} of {self.num_epochs} the loss is {now:.4g}, and the "
                f"untrained model's was {self.first_loss:.4g}"
            )

    def _failed(self, what: str) -> StepFailed:
        rate = self.schedule.describe()["learning_rate"]
        kept = f" The last good checkpoint is kept in '{self.kept_in}'." if self.kept_in else ""
        return StepFailed(
            f"{what}, at a learning rate of {rate:g}.{kept}",
            hint=f"lower train.learning_rate, for instance to {rate / 10:g}; if that does not help, look for extreme "
            "values among the features and the label.",
        )
