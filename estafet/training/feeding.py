"""Feeds a training: batches whose size is read from a variable in each epoch, from memory where the split fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from estafet.errors import DataError
from estafet.records import augmentation, reading, rows
from estafet.records.manifest import Manifest
from estafet.records.sampling import By
from estafet.records.stream import Order
from estafet.records.verify import naming_bad_records
from estafet.runfile.train import Augment
from estafet.training.models import ModelSpec

MAX_BYTES_IN_MEMORY = 512 * 2**20
NUM_READ_AT_ONCE = 256
EVALUATION_BATCH_SIZE = 256


@dataclass(frozen=True)
class Replicas:
    """Which replicas of a training a process has.

    Attributes:
        total: Number of replicas of all processes.
        first: The first one that this process has, from 0.
        num_own: How many it has.
    """

    total: int = 1
    first: int = 0
    num_own: int = 1


ONE = Replicas()


@dataclass(frozen=True)
class Position:
    """Where a training is, as scalar int64 variables that its data set reads when an epoch begins.

    Attributes:
        batch_size: The global batch size.
        epoch: The epoch, from 0.
        first_batch: The batch of that epoch to begin with, from 0; above 0 where an epoch is gone on with.
    """

    batch_size: tf.Variable
    epoch: tf.Variable
    first_batch: tf.Variable

    @classmethod
    def start(cls, batch_size: int = 1) -> Position:
        """Return the beginning of the first epoch."""
        return cls(*(tf.Variable(value, dtype=tf.int64, trainable=False) for value in (batch_size, 0, 0)))


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
        by: Which examples the share is made of: newest, stratified or random; None as `reading.dataset` says.
        seed: Which examples a random share is made of.
    """

    folder: Path
    split: str
    share: float
    num_examples: int
    arrays: tuple[dict[str, tf.Tensor], tf.Tensor] | None
    fold: int | None = None
    augment: Augment = reading.NO_AUGMENT
    by: By | None = None
    seed: int = 0

    @property
    def _where(self) -> dict[str, Any]:
        """Which examples they are, as `reading.dataset` is told."""
        return {"share": self.share, "fold": self.fold, "by": self.by, "share_seed": self.seed}

    def batches(self, replicas: Replicas = ONE, at_once: int = EVALUATION_BATCH_SIZE) -> tf.data.Dataset:
        """Return batches in order, for evaluation.

        Args:
            replicas: Whose share of each batch is returned.
            at_once: Examples in a batch, over all replicas.
        """
        batch_size = _evaluation_batch_size(self.num_examples, replicas.total, at_once)
        if self.arrays is None:
            examples = reading.dataset(self.folder, self.split, batch_size=batch_size, cache=False, **self._where)
        else:
            examples = tf.data.Dataset.from_tensor_slices(self.arrays).batch(batch_size)
        if replicas.total == 1:
            return examples
        num_batches = -(-self.num_examples // batch_size) * replicas.num_own
        shares = examples.flat_map(lambda *batch: _shares(batch, replicas))
        return shares.apply(tf.data.experimental.assert_cardinality(num_batches))

    def first(self, num_examples: int, seed: int) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Return some examples, chosen by the seed, as features and labels; fewer where there are not as many."""
        position = Position.start(min(num_examples, self.num_examples))
        return next(iter(self.scheduled_batches(position, seed)))

    def scheduled_batches(self, position: Position, seed: int, replicas: Replicas = ONE) -> tf.data.Dataset:
        """Return shuffled batches for training; each iteration reads the variables of `position` anew.

        The order of an epoch, and how images are changed in it, depend on seed and epoch alone, so a training that was
        killed goes on exactly as it would have. The cardinality changes with the batch size and is therefore unknown:
        whoever iterates must count the steps (`Schedule` in callbacks/schedule.py does).

        Args:
            position: Batch size, epoch, and the batch of the epoch to begin with.
            seed: Seed of the order.
            replicas: Whose shares of each global batch are returned, one after the other.
        """
        begins_later = self.arrays is not None and not self.augment.is_on_batches
        if self.arrays is None:
            examples = reading.dataset(
                self.folder,
                self.split,
                batch_size=NUM_READ_AT_ONCE,
                shuffle=True,
                seed=seed,
                epoch=position.epoch,
                augment=self.augment,
                cache=False,
                **self._where,
            )
            epoch = tf.data.Dataset.range(1).flat_map(
                lambda _: examples.rebatch(tf.cast(position.batch_size.read_value(), tf.int64))
            )
        else:
            epoch = _from_memory(self.arrays, self.num_examples, position, seed, begins_later)
            epoch = augmentation.apply(epoch, self.augment, Order(True, seed, position.epoch))
        if not begins_later:  # what was augmented is skipped, since each batch has seeds of its own
            whole = epoch
            epoch = tf.data.Dataset.range(1).flat_map(lambda _: whole.skip(position.first_batch.read_value()))
        if replicas.total > 1:
            epoch = epoch.flat_map(lambda *batch: _shares(batch, replicas))
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        return epoch.with_options(options).prefetch(tf.data.AUTOTUNE)


def _from_memory(arrays, num_examples: int, position: Position, seed: int, begins_later: bool) -> tf.data.Dataset:
    """Return the shuffled batches of an epoch, from its first or from `position.first_batch` on.

    Only what reads the position is a data set within the data set: a map in there costs 15 ms in each epoch, and an
    order that is cut up example by example, not batch by batch, a microsecond for each.
    """

    def orders(_):
        seeds = tf.stack([tf.constant(seed, tf.int64), position.epoch.read_value()])
        order = tf.random.experimental.stateless_shuffle(tf.range(num_examples, dtype=tf.int64), seed=seeds)
        batch_size = tf.cast(position.batch_size.read_value(), tf.int64)
        num_batches = (num_examples + batch_size - 1) // batch_size
        first = position.first_batch.read_value() if begins_later else 0
        return tf.data.Dataset.from_tensors((order, batch_size)).repeat(num_batches).enumerate().skip(first)

    def take(batch, told):
        order, batch_size = told
        indices_B = order[batch * batch_size : (batch + 1) * batch_size]
        return tf.nest.map_structure(lambda array: tf.gather(array, indices_B), arrays)

    return tf.data.Dataset.range(1).flat_map(orders).map(take, num_parallel_calls=tf.data.AUTOTUNE)


def _shares(batch: tuple, replicas: Replicas) -> tf.data.Dataset:
    """Return the shares of a global batch that this process's replicas have, of sizes that differ by one at most."""
    num_examples = tf.shape(batch[1], out_type=tf.int64)[0]

    def share(replica: tf.Tensor):
        begin, end = (num_examples * (replica + i) // replicas.total for i in range(2))
        return tf.nest.map_structure(lambda values: values[begin:end], batch)

    return tf.data.Dataset.range(replicas.first, replicas.first + replicas.num_own).map(share)


def check_replicas(num_examples: int, num_replicas: int, split: str) -> None:
    """Look whether each replica can have an example.

    Raises:
        DataError: There are too few.
    """
    if num_examples < num_replicas:
        raise DataError(
            f"the {split} split has {num_examples} examples for {num_replicas} replicas.",
            hint=f"give data.split.{split} a larger share, or train on fewer devices.",
        )


def _evaluation_batch_size(num_examples: int, num_replicas: int, at_once: int = EVALUATION_BATCH_SIZE) -> int:
    """Return a batch size, at most `at_once`, that leaves each replica an example of the last batch."""
    check_replicas(num_examples, num_replicas, "validation")
    size = max(at_once, num_replicas)
    while 0 < num_examples % size < num_replicas:
        size -= 1
    return size


def load(
    folder: str | Path,
    split: str,
    *,
    share: float = 1.0,
    fold: int | None = None,
    augment: Augment = reading.NO_AUGMENT,
    max_bytes_in_memory: int = MAX_BYTES_IN_MEMORY,
    by: By | None = None,
    seed: int = 0,
) -> Source:
    """Return a split as a source of batches; it is held in memory where that takes little.

    Args:
        folder: The data set's folder.
        split: `train` or `validation`.
        share: Share of the split.
        fold: For cross-validation: `validation` is this fold, and `train` are the others.
        augment: How images are changed at random, for the training split.
        max_bytes_in_memory: Size up to which the decoded examples are kept in memory; images that are cropped at
            random, which their decoder does, are not.
        by: Which examples the share is made of: newest, stratified or random; None as `reading.dataset` says.
        seed: Which examples a random share is made of.

    Raises:
        ConfigError: Examples that are no images are to be augmented; such a share cannot be taken of such examples.
        DataError: The split holds no example, or a shard is damaged.
    """
    folder, manifest = Path(folder), Manifest.load(folder)
    augmentation.check(augment, manifest.task)
    num_examples = reading.num_examples(manifest, split, share, fold, by=by)
    source = Source(folder, split, share, num_examples, None, fold, augment, by, seed)
    num_bytes = num_examples * _example_bytes(ModelSpec.from_manifest(manifest))
    if augment.crop or num_bytes > max_bytes_in_memory:
        return source
    with naming_bad_records(folder):
        parts = list(source.batches(at_once=NUM_READ_AT_ONCE).as_numpy_iterator())
    return replace(source, arrays=tf.nest.map_structure(lambda *part: tf.constant(np.concatenate(part)), *parts))


def _example_bytes(spec: ModelSpec) -> int:
    sizes = {"uint8": 1, "float32": 4, "string": rows.WORD_BYTES}
    dtypes = spec.input_dtypes
    shapes = {name: shape for name, shape in spec.input_shapes.items() if name != "text"}
    num_bytes = sum(int(np.prod(shape)) * sizes[dtypes[name]] for name, shape in shapes.items()) + 8
    return num_bytes + rows.text_bytes(spec.schema)
