"""Writes each epoch's values for TensorBoard, batch size and learning rate among them."""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf

from estafet.training.callbacks.schedule import Schedule

SCALAR = tf.compat.v1.SummaryMetadata(data_class="DATA_CLASS_SCALAR")
SCALAR.plugin_data.plugin_name = "scalars"
"""What tells TensorBoard that a value is a number to draw over the steps."""


class EpochLogs(keras.callbacks.Callback):
    """Writes event files, in folders named as Keras' own callback names them: `train` and `validation`.

    A value is called `epoch_` and its name in the history, such as `epoch_log_loss` or `epoch_batch_size`; its step is
    the epoch, from 0. A training that goes on after a kill adds a file, which TensorBoard shows as the same curve.

    Keras' callback knows no batch size, and fails where the package tensorboard is not installed, which
    TensorFlow 2.21 does not bring along; whoever looks at the files on another machine needs it only there.

    Args:
        folder: Where the two folders go.
        schedule: Knows batch size and learning rate.
    """

    def __init__(self, folder: str | Path, schedule: Schedule):
        super().__init__()
        self.folder, self.schedule = Path(folder), schedule

    def on_train_begin(self, logs=None):
        """Open the files."""
        self._writers = {
            name: tf.summary.create_file_writer(str(self.folder / name)) for name in ("train", "validation")
        }

    def on_epoch_end(self, epoch, logs=None):
        """Write the epoch's values; they are on the disk when it returns."""
        values = {**(logs or {}), **self.schedule.describe()}
        for name, value in values.items():
            split = "validation" if name.startswith("val_") else "train"
            with self._writers[split].as_default():
                tf.summary.write(f"epoch_{name.removeprefix('val_')}", tf.constant(value, tf.float32), epoch, SCALAR)
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs=None):
        """Close the files."""
        for writer in self._writers.values():
            writer.close()
