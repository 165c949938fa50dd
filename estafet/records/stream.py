"""The records of some shards as a `tf.data.Dataset`, in stored order or in an order that a seed decides."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from estafet.records.selection import Selection

NUM_CALLS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
"""How much is done in parallel. `tf.data.AUTOTUNE` comes to as many, and takes a twentieth of the CPU to find out."""
NUM_PREFETCHED = 2
NUM_FILES_MIXED = 16
NUM_RECORDS_IN_TURN = 32
MAX_SHUFFLED_BYTES = 128 * 2**20
MAX_SHUFFLED_RECORDS = 2**17


class Stream:
    """Serialised examples, to be read in stored order or shuffled.

    All shuffling depends on one seed for each epoch, so the same seed gives the same order in every process.
    """

    def __init__(self, selection: Selection, compression: str):
        """Prepare to read.

        Args:
            selection: Which records.
            compression: The manifest's: `none` or `gzip`.
        """
        self._selection, self._compression = selection, {"none": "", "gzip": "GZIP"}[compression]

    def in_order(self) -> tf.data.Dataset:
        """Return the records in stored order."""
        found = self._selection
        records = self._open([str(path) for path in found.files]).take(sum(found.counts))
        if found.kept is not None:
            records = _only(records, np.concatenate(found.kept))
        return records if found.stride == 1 else records.shard(found.stride, found.first)

    def shuffled(self, seed: tf.Tensor) -> tf.data.Dataset:
        """Return the records in an order that `seed` decides, a scalar int64.

        The shards are opened in a random order, many at once and in turn, and what comes from them goes through a
        buffer: so neighbours in a shard are not neighbours in an epoch, even where the buffer holds few of them.
        """
        found = self._selection
        begins = np.cumsum([0, *found.counts[:-1]])
        files = tf.data.Dataset.from_tensor_slices(
            (list(map(str, found.files)), list(found.counts), self._firsts(), begins)
        )
        files = _shuffled(files, len(found.files), seed)
        kept = None if found.kept is None else tf.constant(np.concatenate(found.kept))

        def read(file: tf.Tensor, count: tf.Tensor, first: tf.Tensor, begin: tf.Tensor) -> tf.data.Dataset:
            records = self._open(file).take(tf.cast(count, tf.int64))
            if kept is not None:
                records = _only(records, kept[begin : begin + tf.cast(count, begin.dtype)])
            return records if found.stride == 1 else records.shard(found.stride, first)

        records = files.interleave(
            read,
            cycle_length=min(NUM_FILES_MIXED, len(found.files)),
            block_length=NUM_RECORDS_IN_TURN,
            num_parallel_calls=min(NUM_CALLS, len(found.files)),
            deterministic=True,
        )
        return _shuffled(records, self._buffer(), seed + 1)

    def _open(self, files: list[str] | tf.Tensor) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(files, self._compression)

    def _firsts(self) -> np.ndarray:
        """Return the first record of each shard that is this worker's."""
        begins = np.cumsum([0, *self._selection.num_kept[:-1]])
        return (self._selection.first - begins) % self._selection.stride

    def _buffer(self) -> int:
        fits = int(MAX_SHUFFLED_BYTES / max(1.0, self._selection.record_bytes))
        return max(1, min(self._selection.num_examples, MAX_SHUFFLED_RECORDS, fits))


class Order:
    """The order of each epoch, and whatever else in it is random, all of which follows from one seed."""

    def __init__(self, shuffle: bool, seed: int, epoch: tf.Variable | None = None):
        """Prepare to shuffle, or not.

        Args:
            shuffle: Whether the order is another one in each epoch, or always the stored one.
            seed: The same seed gives the same first epoch, the same second one, and so on.
            epoch: Where given, its value says which epoch it is; else the iterations are counted.
        """
        self.shuffle, self._seed, self._epoch = shuffle, seed, epoch

    def epoch_seed(self) -> tf.data.Dataset:
        """Return in each iteration one number, a scalar int64, which decides about that epoch."""
        if self._epoch is None:
            return tf.data.Dataset.random(seed=self._seed, rerandomize_each_iteration=True).take(1)

        def number(_: tf.Tensor) -> tf.Tensor:
            seeds = tf.stack([tf.constant(self._seed, tf.int64), tf.cast(self._epoch.read_value(), tf.int64)])
            return tf.random.stateless_uniform((), seeds, maxval=2**62, dtype=tf.int64)

        return tf.data.Dataset.range(1).map(number)

    def seeds(self) -> tf.data.Dataset:
        """Return pairs of seeds without end, int64 (2,), others in each epoch."""
        return self.epoch_seed().flat_map(lambda seed: tf.data.Dataset.counter().map(lambda i: tf.stack([seed, i])))

    def of(self, stream: Stream) -> tf.data.Dataset:
        """Return the records of a stream in this order."""
        return self.epoch_seed().flat_map(stream.shuffled) if self.shuffle else stream.in_order()

    def of_examples(self, examples: tf.data.Dataset, buffer: int) -> tf.data.Dataset:
        """Return other examples in this order, by means of a buffer."""
        if not self.shuffle:
            return examples
        return self.epoch_seed().flat_map(lambda seed: _shuffled(examples, buffer, seed))

    def from_memory(self, batches: tf.data.Dataset, num_examples: int, batch_size: int) -> tf.data.Dataset:
        """Keep all examples in memory from the first epoch on, and give them in this order.

        Args:
            batches: The examples in batches of any size, in stored order.
            num_examples: Number of examples in them.
            batch_size: Examples in each batch to give.
        """
        if not self.shuffle:
            return batches.rebatch(batch_size).cache()
        whole = batches.rebatch(num_examples).cache()

        def one_epoch(seed: tf.Tensor) -> tf.data.Dataset:
            numbers = tf.range(num_examples, dtype=tf.int64)
            order = tf.random.experimental.stateless_shuffle(numbers, seed=tf.stack([seed, tf.zeros_like(seed)]))
            return whole.flat_map(lambda *examples: _taken(examples, order, batch_size))

        return self.epoch_seed().flat_map(one_epoch)


def _only(records: tf.data.Dataset, is_kept: np.ndarray | tf.Tensor) -> tf.data.Dataset:
    """Return those records for which the boolean at the same place says so."""
    marked = tf.data.Dataset.zip(records, tf.data.Dataset.from_tensor_slices(is_kept))
    return marked.filter(lambda _, is_one: is_one).map(lambda record, _: record)


def _shuffled(examples: tf.data.Dataset, buffer: int, seed: tf.Tensor) -> tf.data.Dataset:
    """Return what `examples.shuffle` does: that method refuses a tensor as seed where the global seed is 0."""
    structure = examples.element_spec
    flat = tf.nest.flatten(structure)
    variant = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(examples),
        buffer_size=buffer,
        seed=seed,
        seed2=1,  # two zeros would mean no seed
        output_types=[spec.dtype for spec in flat],
        output_shapes=[spec.shape for spec in flat],
        reshuffle_each_iteration=False,
    )
    return tf.data.experimental.from_variant(variant, structure)


def _taken(examples: tuple, order: tf.Tensor, batch_size: int) -> tf.data.Dataset:
    indices = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
    return indices.map(lambda chosen: tf.nest.map_structure(lambda values: tf.gather(values, chosen), examples))
