"""Records each epoch, and says how far the training is, how fast it learns and how long is left."""

from __future__ import annotations

import time
from collections.abc import Callable

import keras

from estafet.telemetry import Progress
from estafet.tracking import Tracker
from estafet.training.callbacks.schedule import Schedule
from estafet.training.checkpoints import Epoch

MIN_INTERVAL_S = 0.2


class Recorder(keras.callbacks.Callback):
    """Appends each epoch to the history, and tells progress, tracker and `on_epoch`.

    Attributes:
        elapsed_s: Seconds that the current epoch has taken, those before a kill included.
    """

    def __init__(
        self,
        schedule: Schedule,
        num_epochs: int,
        judged_by: str,
        progress: Progress,
        tracker: Tracker,
        on_epoch: Callable[[int, Epoch], None] | None = None,
    ):
        super().__init__()
        self.schedule, self.history = schedule, schedule.history
        self.num_epochs, self.judged_by = num_epochs, judged_by
        self.progress, self.tracker, self.on_epoch = progress, tracker, on_epoch
        self.message, self._told_at, self._spent_before_s = "first epoch", 0.0, 0.0
        self._begun = time.monotonic()

    def begin_with(self, elapsed_s: float) -> None:
        """Count from the seconds that an earlier, killed process spent on the epoch that is gone on with."""
        self._spent_before_s = elapsed_s

    @property
    def elapsed_s(self) -> float:
        """Seconds that the current epoch has taken so far."""
        return self._spent_before_s + time.monotonic() - self._begun

    def on_epoch_begin(self, epoch, logs=None):
        """Begin to measure the epoch."""
        self._begun = self._steps_ended = time.monotonic()
        self._first_step = self.schedule.steps_done

    def on_train_batch_end(self, batch, logs=None):
        """Tell how far the epoch is, a few times a second at most."""
        now = self._steps_ended = time.monotonic()
        if now - self._told_at < MIN_INTERVAL_S:
            return
        self._told_at = now
        done = self.schedule.steps_done / self.schedule.num_steps
        speed = (self.schedule.steps_done - self._first_step) / max(1e-9, now - self._begun)
        self.progress(f"{self.message}{self._speed(speed)}", round(len(self.history) + done, 4), self.num_epochs)

    def on_epoch_end(self, epoch, logs=None):
        """Record the epoch."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        seconds = self.elapsed_s
        values |= {**self.schedule.describe(), "seconds": round(seconds, 4)}
        values["examples_per_s"] = round(self._examples_per_s(), 1)
        self._spent_before_s = 0.0
        self.history.append(values)
        self.message = self._describe(epoch, values)
        self.progress(self.message, epoch + 1, self.num_epochs)
        self.tracker.log_metrics(values, step=epoch)
        if self.on_epoch:
            self.on_epoch(epoch, values)

    def _describe(self, epoch: int, values: Epoch) -> str:
        judged = f"val_{self.judged_by}"
        shown = "val_accuracy" if "val_accuracy" in values else judged
        left_s = self._seconds_left(values)
        left = f" · {_duration(left_s)} left" if left_s >= 1 else ""
        return (
            f"epoch {epoch + 1}/{self.num_epochs} · loss {values['loss']:.4f} · {shown} {values[shown]:.4g} · "
            f"batch {values['batch_size']:.0f} · rate {values['learning_rate']:.2g} · "
            f"{_speed(values['examples_per_s'])}{left}"
        )

    def _examples_per_s(self) -> float:
        """Return how many examples a second were learned from, the validation left out, since the epoch was begun."""
        share = 1 - self._first_step / self.schedule.num_steps
        return share * self.schedule.num_examples / max(self._steps_ended - self._begun, 1e-9)

    def _seconds_left(self, values: Epoch) -> float:
        """Return how long the epochs that are left take at the pace of the last one; larger batches are faster."""
        return values["seconds"] * (self.num_epochs - len(self.history))

    def _speed(self, steps_per_s: float) -> str:
        """Say how fast an epoch is whose message has no speed yet."""
        if self.history:
            return ""
        return f" · batch {self.schedule.describe()['batch_size']:.0f} · {_speed(steps_per_s * self._batch_size())}"

    def _batch_size(self) -> int:
        return int(self.schedule.position.batch_size.numpy())


def _speed(examples_per_s: float) -> str:
    if examples_per_s >= 10_000:
        return f"{examples_per_s / 1000:,.0f} k examples/s"
    return f"{examples_per_s:,.0f} examples/s"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
