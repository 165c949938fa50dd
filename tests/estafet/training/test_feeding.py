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
from estafet.training.feeding import Position, Replicas


def _epoch(batches: tf.data.Dataset) -> list[list[float]]:
    return [labels.numpy().tolist() for _, labels in batches]


@pytest.mark.parametrize("max_bytes", [0, 2**30], ids=["from shards", "from memory"])
def test_the_batch_size_is_read_anew_in_each_epoch_and_every_example_comes_once(numbers, max_bytes):
    source = feeding.load(numbers, "train", max_bytes_in_memory=max_bytes)
    position = Position.start(30)
    batches = source.scheduled_batches(position, seed=1)

    first = _epoch(batches)
    position.batch_size.assign(64)
    position.epoch.assign(1)
    second = _epoch(batches)

    assert [len(batch) for batch in first] == [30, 30, 30, 10]
    assert [len(batch) for batch in second] == [64, 36]
    first_order, second_order = ([label for batch in epoch for label in batch] for epoch in (first, second))
    assert sorted(first_order) == sorted(second_order) == list(range(100))
    assert first_order != second_order


@pytest.mark.parametrize("max_bytes", [0, 2**30], ids=["from shards", "from memory"])
def test_the_order_depends_on_seed_and_epoch_alone(numbers, max_bytes):
    """A training that was killed goes on in the epoch where it was."""
    position = Position.start(100)
    source = feeding.load(numbers, "train", max_bytes_in_memory=max_bytes)
    batches = source.scheduled_batches(position, 1)

    before = _epoch(batches)
    position.epoch.assign(7)
    after, again, other = (_epoch(source.scheduled_batches(position, seed)) for seed in (1, 1, 2))

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
    position = Position.start(4)
    batches = source.scheduled_batches(position, seed=1)

    def by_label(examples):
        found = {int(label): features["image"].numpy() for features, label in examples.unbatch()}
        return np.stack([found[label] for label in range(6)])

    first, again = by_label(batches), by_label(batches)
    position.first_batch.assign(1)
    rest = [features["image"].numpy() for features, _ in batches]
    whole = [features["image"].numpy() for features, _ in source.scheduled_batches(Position.start(4), seed=1)]
    position.first_batch.assign(0)
    position.epoch.assign(1)
    second = by_label(batches)

    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(rest, whole[1:])
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
    for features, labels in feeding.load(numbers, "train").scheduled_batches(Position.start(32), seed=0):
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


@pytest.mark.parametrize("max_bytes", [0, 2**30], ids=["from shards", "from memory"])
def test_an_epoch_is_gone_on_with_from_any_batch(numbers, max_bytes):
    source, position = feeding.load(numbers, "train", max_bytes_in_memory=max_bytes), Position.start(30)
    batches = source.scheduled_batches(position, seed=1)
    whole = _epoch(batches)

    position.first_batch.assign(2)

    assert _epoch(batches) == whole[2:]


@pytest.mark.parametrize("max_bytes", [0, 2**30], ids=["from shards", "from memory"])
def test_the_shares_of_the_replicas_make_up_each_global_batch(numbers, max_bytes):
    """33 examples over 4 replicas: 8, 8, 8 and 9; two processes have two replicas each. The last batch has one."""
    source = feeding.load(numbers, "train", max_bytes_in_memory=max_bytes)
    whole = _epoch(source.scheduled_batches(Position.start(33), seed=1))

    first, second = (_epoch(source.scheduled_batches(Position.start(33), 1, Replicas(4, i, 2))) for i in (0, 2))

    assert [len(part) for part in first[:2] + second[:2]] == [8, 8, 8, 9]
    for step in range(4):
        parts = [*first[2 * step : 2 * step + 2], *second[2 * step : 2 * step + 2]]
        assert [label for part in parts for label in part] == whole[step]


def test_the_last_batch_of_an_evaluation_has_an_example_for_each_replica():
    """257 = 256 + 1 would leave nothing for the second replica, 257 = 255 + 2 does not."""
    assert feeding._evaluation_batch_size(257, 1) == 256
    assert feeding._evaluation_batch_size(257, 2) == 255
    with pytest.raises(DataError, match="has 3 examples for 4 replicas"):
        feeding._evaluation_batch_size(3, 4)


def test_some_first_examples_are_the_first_of_the_shuffled_ones(numbers):
    features, labels = feeding.load(numbers, "train").first(7, seed=1)

    whole = _epoch(feeding.load(numbers, "train").scheduled_batches(Position.start(7), seed=1))
    assert labels.numpy().tolist() == features["numeric"][:, 0].numpy().tolist() == whole[0]
