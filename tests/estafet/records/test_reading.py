"""The reader gives what the manifest says, in batches or one by one, with a cardinality that Keras can trust."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from estafet.errors import DataError
from estafet.records.manifest import Manifest
from estafet.records.reading import dataset, num_examples, raw_examples, series, window_starts


def labels_of(data):
    return [int(label) for _, label in data.as_numpy_iterator()]


def test_a_table_is_read_in_batches_as_it_was_written(table_folder):
    batches = list(dataset(table_folder, "train", batch_size=4).as_numpy_iterator())

    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    features, labels = batches[0]
    np.testing.assert_array_equal(features["numeric"], [[0, np.nan], [2, 3], [4, 5], [6, 7]])
    assert features["categorical"].tolist() == [[b""], ["żółw".encode()], [b""], ["żółw".encode()]]
    assert (labels.dtype, labels.tolist()) == (np.int64, [0, 1, 0, 1])


@pytest.mark.parametrize(("batch_size", "elements"), [(3, 4), (5, 2), (None, 10)])
def test_the_cardinality_is_known_and_right(table_folder, batch_size, elements):
    data = dataset(table_folder, "train", batch_size=batch_size, shuffle=True)

    assert data.cardinality().numpy() == elements
    assert len(list(data)) == elements


def test_without_batches_examples_come_one_by_one(table_folder):
    features, label = next(iter(dataset(table_folder, "test", batch_size=None)))

    assert features["numeric"].shape == (2,)
    assert features["categorical"].shape == (1,)
    assert label.shape == ()


def test_the_same_seed_shuffles_alike_and_each_epoch_anew(table_folder):
    def epochs(seed):
        data = dataset(table_folder, "train", batch_size=None, shuffle=True, seed=seed)
        return [[int(features["numeric"][0]) for features, _ in data.as_numpy_iterator()] for _ in range(2)]

    assert epochs(1) == epochs(1)
    assert epochs(1) != epochs(2)
    assert epochs(1)[0] != epochs(1)[1]
    assert sorted(epochs(1)[0]) == list(range(0, 20, 2))


def test_a_share_is_the_first_part(table_folder):
    data = dataset(table_folder, "train", batch_size=None, share=0.4)

    assert labels_of(data) == [0, 1, 0, 1]
    assert num_examples(table_folder, "train", 0.4) == 4


def test_a_share_of_something_is_never_nothing(table_folder):
    assert num_examples(table_folder, "train", 0.01) == 1


@pytest.mark.parametrize("share", [0, -0.5, 1.5])
def test_an_impossible_share_is_refused(table_folder, share):
    with pytest.raises(ValueError, match="share"):
        num_examples(table_folder, "train", share)


def test_an_empty_split_is_an_error_that_says_what_to_change(table_folder):
    with pytest.raises(DataError, match=r"validation split .* holds no example") as caught:
        dataset(table_folder, "validation", batch_size=2)
    assert "data.split.validation" in caught.value.hint


def test_an_empty_split_has_no_raw_examples_either(table_folder):
    with pytest.raises(DataError, match=r"validation split .* holds no example"):
        raw_examples(table_folder, "validation")


def test_an_unknown_split_is_an_error_that_names_those_there_are(table_folder):
    with pytest.raises(DataError, match="no split 'dev'; it has train, validation, test"):
        dataset(table_folder, "dev", batch_size=2)


@pytest.mark.parametrize(("damage", "said"), [("remove", "is missing"), ("cut", "bytes in place of")])
def test_a_damaged_shard_is_named(table_folder, tmp_path, damage, said):
    folder = shutil.copytree(table_folder, tmp_path / "copy")
    shard = folder / Manifest.load(folder).splits["train"].shards[1].file
    shard.unlink() if damage == "remove" else shard.write_bytes(shard.read_bytes()[:-1])

    with pytest.raises(DataError, match=f"{shard.name}.*{said}"):
        dataset(folder, "train", batch_size=2)


def test_images_are_decoded_resized_and_made_grey(image_folder):
    """An image of one brightness keeps it whatever its size, so the right pixels are known."""
    features, labels = next(iter(dataset(image_folder, "train", batch_size=4)))

    assert features["image"].dtype == tf.uint8
    expected = np.broadcast_to(np.array([10, 60, 90, 200]).reshape(4, 1, 1, 1), (4, 4, 6, 1))
    np.testing.assert_array_equal(features["image"], expected)
    assert labels.numpy().tolist() == [0, 1, 0, 1]


def test_images_too_many_for_the_cache_are_shuffled_all_the_same(image_folder, monkeypatch):
    monkeypatch.setattr("estafet.records.reading.MAX_CACHED_BYTES", 0)
    data = dataset(image_folder, "train", batch_size=None, shuffle=True, seed=3)

    epochs = [[int(features["image"][0, 0, 0]) for features, _ in data] for _ in range(4)]

    assert all(sorted(epoch) == [10, 60, 90, 200] for epoch in epochs)
    assert len(set(map(tuple, epochs))) > 1


def test_windows_of_a_series_follow_from_lookback_and_horizon(series_folder):
    """Ten steps hold 10 - 3 - 2 + 1 = 6 windows; the first looks at 0, 1, 2 and forecasts 3, 4."""
    batches = list(dataset(series_folder, "train", batch_size=4).as_numpy_iterator())

    assert [len(labels) for _, labels in batches] == [4, 2]
    features, labels = batches[0]
    np.testing.assert_array_equal(features["values"][0], [[0, 0], [1, -1], [2, -2]])
    np.testing.assert_array_equal(labels[:2], [[3, 4], [4, 5]])
    assert (features["values"].dtype, labels.dtype) == (np.float32, np.float32)


def test_context_steps_are_looked_back_on_and_never_forecast(series_folder):
    """Validation holds the steps 7 to 12, the first three as context: 10, 11 is the first forecast, 11, 12 the last."""
    (features, labels), *rest = dataset(series_folder, "validation", batch_size=8).as_numpy_iterator()

    assert not rest
    np.testing.assert_array_equal(labels, [[10, 11], [11, 12]])
    np.testing.assert_array_equal(features["values"][0, :, 0], [7, 8, 9])


def test_a_share_of_a_series_is_the_newest(series_folder):
    (_, labels), *_ = dataset(series_folder, "train", batch_size=8, share=0.5).as_numpy_iterator()

    np.testing.assert_array_equal(labels, [[6, 7], [7, 8], [8, 9]])
    assert num_examples(series_folder, "train", 0.5) == 3


def test_the_stride_skips_windows(series_folder):
    manifest = Manifest.load(series_folder)
    wide = manifest.model_copy(update={"window": manifest.window.model_copy(update={"stride": 4})})

    assert window_starts(wide, "train").tolist() == [0, 4]


def test_the_steps_of_a_series_are_read_with_their_times(series_folder):
    values, times = series(series_folder, "test")

    np.testing.assert_array_equal(values[:, 0], [10, 11, 12, 13, 14])
    assert times.tolist() == [600, 660, 720, 780, 840]


def test_raw_rows_are_columns_by_name_in_the_order_of_the_dataset(table_folder):
    raw = raw_examples(table_folder, "train", limit=3)

    assert list(raw) == ["age", "height", "animal", "label"]
    assert raw["age"].tolist() == [0, 2, 4]
    assert raw["age"].dtype == np.float32
    assert np.isnan(raw["height"][0])
    assert raw["animal"].tolist() == ["", "żółw", ""]
    assert raw["label"].tolist() == [0, 1, 0]


def test_raw_images_are_files(image_folder):
    raw = raw_examples(image_folder, "train")

    assert len(raw["image_bytes"]) == 4
    assert all(content.startswith(b"\x89PNG") for content in raw["image_bytes"])
    assert raw["label"].tolist() == [0, 1, 0, 1]


def test_raw_windows_are_those_of_the_dataset(series_folder):
    raw = raw_examples(series_folder, "train")
    batches = list(dataset(series_folder, "train", batch_size=100).as_numpy_iterator())

    np.testing.assert_array_equal(raw["values"], batches[0][0]["values"])
    np.testing.assert_array_equal(raw["label"], batches[0][1])


def test_keras_counts_the_steps_of_each_epoch_rightly(table_folder):
    """Ten examples in batches of four are three steps; two epochs are six."""
    import keras

    model = keras.Sequential([keras.layers.Dense(2)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    data = dataset(table_folder, "train", batch_size=4, shuffle=True)

    model.fit(data.map(lambda features, labels: (features["numeric"], labels)), epochs=2, verbose=0)

    assert int(model.optimizer.iterations.numpy()) == 6
