"""Feeds a training: batches whose size is read from a variable in each epoch, from memory where the split fits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from estafet.records import augmentation, reading
from estafet.records.manifest import Manifest
from estafet.records.stream import Order
from estafet.records.verify import naming_bad_records
from estafet.runfile.train import Augment
from estafet.training.models import ModelSpec

MAX_BYTES_IN_MEMORY = 512 * 2**20
NUM_READ_AT_ONCE = 256
EVALUATION_BATCH_SIZE = 256
_STRING_BYTES = 64


@dataclass(frozen=True)
class Source:
    """A split, or a part of one, that a training can be fed with.

    Attributes:
        folder: The data set's folder.
        split: `train` or `validation`.
        share: Share of the split.
        num_examples: Number of examples in that share.
        arrays: All of them as tensors, features and labels; None where they are read from the shards in each epoch.
        fold: For cross-validation, the fold that is `validation`.
        augment: How images are changed at random while the model learns from them.
    """

    folder: Path
    split: str
    share: float
    num_examples: int
    arrays: tuple[dict[str, tf.Tensor], tf.Tensor] | None
    fold: int | None = None
    augment: Augment = reading.NO_AUGMENT

    def batches(self) -> tf.data.Dataset:
        """Return batches in order, for evaluation."""
        if self.arrays is None:
            examples = reading.dataset(
                self.folder,
                self.split,
                batch_size=EVALUATION_BATCH_SIZE,
                share=self.share,
                fold=self.fold,
                cache=False,
            )
            # Where tf.distribute can tell the batch size, each replica gets its part of a full batch, so that of a
            # small one the last may get nothing, on which a convolution fails. Behind `rebatch` it divides evenly.
            return examples.rebatch(EVALUATION_BATCH_SIZE)
        return tf.data.Dataset.from_tensor_slices(self.arrays).batch(EVALUATION_BATCH_SIZE)

    def scheduled_batches(self, batch_size: tf.Variable, epoch: tf.Variable, seed: int) -> tf.data.Dataset:
        """Return shuffled batches for training; each iteration reads the variables anew.

        The order of an epoch, and how images are changed in it, depend on seed and epoch alone, so a training that was
        killed goes on exactly as it would have. The cardinality changes with the batch size and is therefore unknown:
        whoever iterates must count the steps (`Schedule` in callbacks.py does).
        """
        if self.arrays is None:
            examples = reading.dataset(
                self.folder,
                self.split,
                batch_size=NUM_READ_AT_ONCE,
                shuffle=True,
                seed=seed,
                epoch=epoch,
                share=self.share,
                fold=self.fold,
                augment=self.augment,
                cache=False,
            )

            def one_epoch(_):
                return examples.rebatch(tf.cast(batch_size.read_value(), tf.int64))

        else:
            one_epoch = _from_memory(self.arrays, self.num_examples, batch_size, epoch, seed)
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        batches = tf.data.Dataset.range(1).flat_map(one_epoch)
        if self.arrays is not None:
            batches = augmentation.apply(batches, self.augment, Order(True, seed, epoch))
        return batches.with_options(options).prefetch(tf.data.AUTOTUNE)


def _from_memory(arrays, num_examples: int, batch_size: tf.Variable, epoch: tf.Variable, seed: int):
    def take(indices_B):
        return tf.nest.map_structure(lambda array: tf.gather(array, indices_B), arrays)

    def one_epoch(_):
        seeds = tf.stack([tf.constant(seed, tf.int64), epoch.read_value()])
        order = tf.random.experimental.stateless_shuffle(tf.range(num_examples, dtype=tf.int64), seed=seeds)
        indices = tf.data.Dataset.from_tensor_slices(order).batch(tf.cast(batch_size.read_value(), tf.int64))
        return indices.map(take, num_parallel_calls=tf.data.AUTOTUNE)

    return one_epoch


def load(
    folder: str | Path,
    split: str,
    *,
    share: float = 1.0,
    fold: int | None = None,
    augment: Augment = reading.NO_AUGMENT,
    max_bytes_in_memory: int = MAX_BYTES_IN_MEMORY,
) -> Source:
    """Return a split as a source of batches; it is held in memory where that takes little.

    Args:
        folder: The data set's folder.
        split: `train` or `validation`.
        share: Share of the split, stratified for classification, the newest for forecasting.
        fold: For cross-validation: `validation` is this fold, and `train` are the others.
        augment: How images are changed at random, for the training split.
        max_bytes_in_memory: Size up to which the decoded examples are kept in memory; images that are cropped at
            random, which their decoder does, are not.

    Raises:
        ConfigError: Examples that are no images are to be augmented.
        DataError: The split holds no example, or a shard is damaged.
    """
    folder, manifest = Path(folder), Manifest.load(folder)
    augmentation.check(augment, manifest.task)
    num_examples = reading.num_examples(manifest, split, share, fold)
    batches = reading.dataset(folder, split, batch_size=NUM_READ_AT_ONCE, share=share, fold=fold, cache=False)
    num_bytes = num_examples * _example_bytes(ModelSpec.from_manifest(manifest))
    if augment.crop or num_bytes > max_bytes_in_memory:
        return Source(folder, split, share, num_examples, None, fold, augment)
    with naming_bad_records(folder):
        parts = list(batches.as_numpy_iterator())
    arrays = tf.nest.map_structure(lambda *part: tf.constant(np.concatenate(part)), *parts)
    return Source(folder, split, share, num_examples, arrays, fold, augment)


def _example_bytes(spec: ModelSpec) -> int:
    sizes = {"uint8": 1, "float32": 4, "string": _STRING_BYTES}
    dtypes = spec.input_dtypes
    return sum(int(np.prod(shape)) * sizes[dtypes[name]] for name, shape in spec.input_shapes.items()) + 8
