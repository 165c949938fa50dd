"""Batches follow the variables, and each epoch holds every example once."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tensorflow as tf

from estafet.errors import DataError
from estafet.runfile.tasks import Task
from estafet.runfile.train import Augment
from estafet.training import feeding, testing


def _epoch(batches: tf.data.Dataset) -> list[list[float]]:
    return [labels.numpy().tolist() for _, labels in batches]


@pytest.mark.parametrize("max_bytes", [0, 2**30], ids=["from shards", "from memory"])
def test_the_batch_size_is_read_anew_in_each_epoch_and_every_example_comes_once(numbers, max_bytes):
    source = feeding.load(numbers, "train", max_bytes_in_memory=max_bytes)
    batch_size, epoch = tf.Variable(30, dtype=tf.int64), tf.Variable(0, dtype=tf.int64)
    batches = source.scheduled_batches(batch_size, epoch, seed=1)

    first = _epoch(batches)
    batch_size.assign(64)
    epoch.assign(1)
    second = _epoch(batches)

    assert [len(batch) for batch in first] == [30, 30, 30, 10]
    assert [len(batch) for batch in second] == [64, 36]
    first_order, second_order = ([label for batch in epoch for label in batch] for epoch in (first, second))
    assert sorted(first_order) == sorted(second_order) == list(range(100))
    assert first_order != second_order


@pytest.mark.parametrize("max_bytes", [0, 2**30], ids=["from shards", "from memory"])
def test_the_order_depends_on_seed_and_epoch_alone(numbers, max_bytes):
    """A training that was killed goes on in the epoch where it was."""
    batch_size, epoch = tf.Variable(100, dtype=tf.int64), tf.Variable(6, dtype=tf.int64)
    source = feeding.load(numbers, "train", max_bytes_in_memory=max_bytes)
    batches = source.scheduled_batches(batch_size, epoch, 1)

    before = _epoch(batches)
    epoch.assign(7)
    after, again, other = (_epoch(source.scheduled_batches(batch_size, epoch, seed)) for seed in (1, 1, 2))

    assert _epoch(batches) == after == again
    assert len({tuple(order[0]) for order in (before, after, other)}) == 3


@pytest.mark.parametrize(
    ("settings", "max_bytes"),
    [({"brightness": 0.5, "flip": True}, 2**30), ({"brightness": 0.5}, 0), ({"crop": 0.5}, 2**30)],
    ids=["in memory", "from shards", "cropped by the decoder"],
)
def test_training_images_are_changed_in_each_epoch_and_those_to_judge_by_never(tmp_path, settings, max_bytes):
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1)).astype(np.uint8)
    rows = {"image": images, "label": np.arange(6)}
    testing.write_images(tmp_path, dict.fromkeys(("train", "validation", "test"), rows))
    source = feeding.load(tmp_path, "train", augment=Augment(**settings), max_bytes_in_memory=max_bytes)
    batch_size, epoch = tf.Variable(4, dtype=tf.int64), tf.Variable(0, dtype=tf.int64)
    batches = source.scheduled_batches(batch_size, epoch, seed=1)

    def by_label(examples):
        found = {int(label): features["image"].numpy() for features, label in examples.unbatch()}
        return np.stack([found[label] for label in range(6)])

    first, again = by_label(batches), by_label(batches)
    epoch.assign(1)
    second = by_label(batches)

    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert not (first == second).all(axis=(1, 2, 3)).any()
    np.testing.assert_array_equal(by_label(source.batches()), images)


def test_a_damaged_shard_is_named_before_training_begins(numbers, tmp_path):
    folder = shutil.copytree(numbers, tmp_path / "copy")
    path = folder / "train-00000.tfrecord"
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"train-00000\.tfrecord' is damaged: the contents of the record at byte"):
        feeding.load(folder, "train")


def test_features_stay_with_their_labels(numbers):
    batch_size, epoch = tf.Variable(32, dtype=tf.int64), tf.Variable(0, dtype=tf.int64)

    for features, labels in feeding.load(numbers, "train").scheduled_batches(batch_size, epoch, seed=0):
        np.testing.assert_array_equal(features["numeric"][:, 0], labels)


def test_evaluation_reads_in_order_with_a_known_number_of_batches(numbers):
    batches = feeding.load(numbers, "validation").batches()

    assert _epoch(batches) == [list(range(100, 120))]
    assert int(batches.cardinality()) == 1


def test_an_empty_validation_split_is_refused_with_the_key_to_change(tmp_path):
    rows = {"numeric": np.ones((4, 1), np.float32), "label": np.arange(4, dtype=np.float32)}
    none = {name: values[:0] for name, values in rows.items()}
    testing.write_table(tmp_path, Task.TABULAR_REGRESSION, {"train": rows, "validation": none, "test": rows})

    with pytest.raises(DataError, match="validation split") as caught:
        feeding.load(tmp_path, "validation")

    assert "data.split.validation" in caught.value.hint
