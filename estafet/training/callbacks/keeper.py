"""Saves checkpoints, remembers the best epoch, and stops when nothing improves or the process is told to end."""

from __future__ import annotations

import time

import keras

from estafet.errors import Preempted
from estafet.training.callbacks.recorder import Recorder
from estafet.training.callbacks.watch import Watch
from estafet.training.checkpoints import Checkpoints, Epoch, State
from estafet.training.preemption import Preemption
from estafet.training.workers.agreement import Agreement


class Keeper(keras.callbacks.Callback):
    """Saves at the end of epochs, every so many seconds within them, and before the process ends on a signal.

    Attributes:
        after_steps: Values of the running metrics after an epoch's last step; its validation then resets them.

    Args:
        recorder: Knows the history and the time spent.
        watch: Asked before each save, so that no checkpoint holds broken numbers.
        checkpoints: Where they go; None for none.
        interval_s: Seconds between two saves within an epoch.
        patience: Epochs without improvement after which to stop; None for never.
        preemption: Whether the process is told to end.
        decisions: What was chosen while the training began, kept with each checkpoint.
        agreement: Asked before each save: several workers save together, though only one of them writes.
    """

    def __init__(
        self,
        recorder: Recorder,
        watch: Watch,
        checkpoints: Checkpoints | None,
        *,
        interval_s: float,
        patience: int | None,
        preemption: Preemption,
        decisions: dict,
        agreement: Agreement,
    ):
        super().__init__()
        self.recorder, self.watch, self.checkpoints = recorder, watch, checkpoints
        self.interval_s, self.patience, self.preemption, self.decisions = interval_s, patience, preemption, decisions
        self.agreement = agreement
        self.after_steps: list = []
        self._running: list = []
        self._due = time.monotonic() + interval_s

    @property
    def history(self) -> list[Epoch]:
        """What is known of each finished epoch."""
        return self.recorder.history

    @property
    def is_over(self) -> bool:
        """Whether patience has run out."""
        if self.patience is None or not self.history:
            return False
        return len(self.history) - 1 - best_epoch(self.history, self.recorder.judged_by) >= self.patience

    def begin_with(self, running: list) -> None:
        """Begin the next epoch with these values of the running metrics, that of an epoch that is gone on with."""
        self._running = running

    def on_epoch_begin(self, epoch, logs=None):
        """Put the running metrics of an epoch back that is gone on with; Keras has reset them."""
        for variable, value in zip(self.model.metrics_variables, self._running, strict=False):
            variable.assign(value)
        self._running = []

    def on_train_batch_end(self, batch, logs=None):
        """Save within an epoch where it is time; after its last step, remember the running metrics."""
        schedule = self.recorder.schedule
        if schedule.steps_done == schedule.num_steps and self.agreement.is_alone:
            self.after_steps = [variable.numpy() for variable in self.model.metrics_variables]
        if self.checkpoints is None:
            return
        told, due = self.agreement.after_step(bool(self.preemption.signal_name), time.monotonic() >= self._due)
        if (told or due) and schedule.steps_done < schedule.num_steps:  # a finished epoch is saved when it is judged
            self.save(schedule.steps_done)
            self._end_if(told)

    def on_epoch_end(self, epoch, logs=None):
        """Keep the epoch, and stop where patience has run out."""
        if self.patience and best_epoch(self.history, self.recorder.judged_by) == epoch and self.checkpoints:
            self.checkpoints.keep_best(self.model.model, epoch)
        told = False
        if self.checkpoints:
            told, cheap = self.agreement.now(bool(self.preemption.signal_name), self.checkpoints.is_cheap())
            if told or cheap:
                self.save(0)
        if self.is_over:
            self.model.stop_training = True
        elif len(self.history) < self.recorder.num_epochs:
            self._end_if(told)

    def save(self, num_batches: int) -> None:
        """Save a checkpoint, so many batches into the epoch that follows the history."""
        self.watch.look()
        elapsed_s = self.recorder.elapsed_s if num_batches else 0.0
        self.checkpoints.save(self.model, State(self.history, num_batches, elapsed_s, self.decisions))
        self._due = time.monotonic() + self.interval_s

    def _end_if(self, told: bool) -> None:
        name = self.preemption.signal_name or "another worker was"
        if told:
            raise Preempted(
                f"the training was told to end ({name}) in epoch {len(self.history) + 1} of "
                f"{self.recorder.num_epochs}; what it has learned is saved.",
                hint="run the same command again; it goes on from there.",
            )


def best_epoch(history: list[Epoch], judged_by: str) -> int:
    """Return the epoch (from 0) with the least validation value of the judged metric; the first of equals."""
    return min(range(len(history)), key=lambda epoch: history[epoch][f"val_{judged_by}"])
