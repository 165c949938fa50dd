"""Shuffling, sharing out among workers, folds and caching: every example once, in an order that a seed repeats."""

import numpy as np
import pytest
import tensorflow as tf

from estafet.errors import ConfigError, DataError
from estafet.records import reading, stream
from estafet.records.manifest import Manifest, Shard, Split
from estafet.records.reading import dataset, num_examples
from estafet.records.selection import Selection
from estafet.schema import Label, NumericFeature, Schema

NUM_ROWS = 60


@pytest.fixture(scope="session")
def numbers_folder(write_dataset, tmp_path_factory):
    """The numbers 0 to 59 in twelve shards of five, for training; they are also their labels."""
    numbers = np.arange(NUM_ROWS, dtype=np.float32)
    columns = {"numeric": numbers[:, None], "label": numbers}
    folder = write_dataset(
        tmp_path_factory.mktemp("numbers") / "dataset",
        {"train": columns, "validation": {k: v[:5] for k, v in columns.items()}, "test": columns},
        shard_bytes=250,
        task="tabular_regression",
        data_schema=Schema(
            numeric=(NumericFeature(name="x", mean=0, std=1, min=0, max=1, missing_share=0),),
            label=Label(name="y", mean=0, std=1),
        ),
    )
    assert [shard.num_examples for shard in Manifest.load(folder).splits["train"].shards] == [5] * 12
    return folder


@pytest.fixture(params=["from memory", "from shards"])
def cache(request):
    return request.param == "from memory"


def epochs_of(data, num_epochs=1):
    return [[int(label) for labels in data for label in np.atleast_1d(labels[1])] for _ in range(num_epochs)]


@pytest.mark.parametrize("global_seed", [None, 0])
def test_each_epoch_has_another_order_that_the_seed_repeats(numbers_folder, cache, global_seed):
    """A global seed of 0, which a training with that seed sets, is a special case of TensorFlow's."""
    tf.random.set_seed(global_seed)

    def epochs(seed):
        data = dataset(numbers_folder, "train", batch_size=7, shuffle=True, seed=seed, cache=cache)
        return epochs_of(data, 3)

    first, second, third = epochs(1)

    assert [first, second, third] == epochs(1)
    assert first != second != third != epochs(2)[2]
    assert sorted(first) == sorted(second) == list(range(NUM_ROWS))


def test_a_reader_that_begins_anew_goes_on_with_the_epoch_that_it_is_told(numbers_folder, cache):
    def read(numbers):
        epoch = tf.Variable(0, dtype=tf.int64)
        data = dataset(numbers_folder, "train", batch_size=7, shuffle=True, seed=1, epoch=epoch, cache=cache)
        orders = []
        for number in numbers:
            epoch.assign(number)
            orders += epochs_of(data)
        return orders

    zeroth, first, second = read([0, 1, 2])

    assert [second, first] == read([2, 1])
    assert len({tuple(zeroth), tuple(first), tuple(second)}) == 3


def test_a_small_buffer_still_mixes_the_shards(numbers_folder, monkeypatch):
    """With a buffer of one record, the shards in turn remain: in stored order the first twelve come from three."""
    monkeypatch.setattr(stream, "MAX_SHUFFLED_BYTES", 1)
    monkeypatch.setattr(stream, "NUM_RECORDS_IN_TURN", 1)

    (order,) = epochs_of(dataset(numbers_folder, "train", batch_size=8, shuffle=True, seed=1, cache=False))

    assert sorted(order) == list(range(NUM_ROWS))
    assert len({number // 5 for number in order[:12]}) == 12


def test_what_fits_into_memory_is_parsed_once(numbers_folder, monkeypatch):
    parsed, parser = [], reading.rows.parser

    def counting(manifest):
        parse = parser(manifest)

        def counted(records):
            features, labels = parse(records)
            return features, tf.py_function(lambda values: parsed.append(len(values)) or values, [labels], labels.dtype)

        return counted

    monkeypatch.setattr(reading.rows, "parser", counting)

    assert len(epochs_of(dataset(numbers_folder, "train", batch_size=8, shuffle=True), 3)) == 3
    assert sum(parsed) == NUM_ROWS
    epochs_of(dataset(numbers_folder, "train", batch_size=8), 2)
    assert sum(parsed) == 2 * NUM_ROWS


@pytest.mark.parametrize("num_workers", [2, 7])
@pytest.mark.parametrize(("shuffle", "share"), [(True, 1.0), (False, 0.55)])
def test_workers_divide_the_examples_and_know_how_many_they_have(numbers_folder, num_workers, shuffle, share):
    """55 % are 33 examples: six shards and three examples of a seventh."""
    found = []
    for index in range(num_workers):
        where = {"share": share, "worker": (index, num_workers)}
        data = dataset(numbers_folder, "train", batch_size=4, shuffle=shuffle, cache=False, **where)
        (mine,) = epochs_of(data)
        assert len(mine) == num_examples(numbers_folder, "train", **where)
        assert int(data.cardinality()) == -(-len(mine) // 4)
        found += mine

    assert sorted(found) == list(range(round(share * NUM_ROWS)))


def test_workers_take_whole_shards_where_these_divide_well():
    whole = Selection(files=("a", "b", "c", "d"), counts=(5, 5, 4, 6))

    assert [whole.part(i, 2).files for i in range(2)] == [("c", "d"), ("a", "b")]
    assert [whole.part(i, 3).stride for i in range(3)] == [3, 3, 3]


def test_a_worker_without_an_example_is_told_so(numbers_folder):
    with pytest.raises(DataError, match=r"of 5 examples of the validation split .* worker 6 of 7"):
        dataset(numbers_folder, "validation", batch_size=2, worker=(6, 7))


def test_there_is_no_worker_beyond_the_last(numbers_folder):
    with pytest.raises(ValueError, match="no worker 2 of 2"):
        num_examples(numbers_folder, "train", worker=(2, 2))


def test_windows_are_divided_among_workers_too(series_folder):
    parts = [list(dataset(series_folder, "train", batch_size=8, worker=(i, 4))) for i in range(4)]

    firsts = [int(label[0]) for part in parts for _, labels in part for label in labels]
    assert sorted(firsts) == [3, 4, 5, 6, 7, 8]
    assert [num_examples(series_folder, "train", worker=(i, 4)) for i in range(4)] == [2, 2, 1, 1]


@pytest.fixture
def folds_folder(numbers_folder, tmp_path):
    """The twelve shards as three folds of 20 rows."""
    manifest = Manifest.load(numbers_folder)
    shards = manifest.splits["train"].shards
    for shard in shards:
        (tmp_path / shard.file).write_bytes((numbers_folder / shard.file).read_bytes())
    folds = tuple(Split(shards=shards[i : i + 4], num_examples=20) for i in (0, 4, 8))
    splits = {
        "train": Split(shards=shards[4:], num_examples=40),
        "validation": folds[0],
        "test": Split(shards=(), num_examples=0),
    }
    manifest.model_copy(update={"folds": folds, "splits": splits}).save(tmp_path)
    return tmp_path


def test_a_fold_is_for_validation_and_the_others_for_training(folds_folder):
    (held_out,) = epochs_of(dataset(folds_folder, "validation", batch_size=8, fold=1))
    (learnt,) = epochs_of(dataset(folds_folder, "train", batch_size=8, fold=1, shuffle=True))

    assert held_out == list(range(20, 40))
    assert sorted(learnt) == [*range(20), *range(40, 60)]
    assert num_examples(folds_folder, "train", share=0.5, fold=1) == 20
    assert epochs_of(dataset(folds_folder, "train", batch_size=8)) == [list(range(20, 60))]


@pytest.mark.parametrize(("fold", "said"), [(3, "no fold 3: the data set has folds 0 to 2"), (-1, "no fold -1")])
def test_a_fold_that_is_not_there_is_refused(folds_folder, fold, said):
    with pytest.raises(ConfigError, match=said) as caught:
        dataset(folds_folder, "train", batch_size=8, fold=fold)
    assert "data.split.k_folds" in caught.value.hint


def test_without_folds_there_is_none_to_hold_out(numbers_folder):
    with pytest.raises(ConfigError, match="the data set has no folds"):
        num_examples(numbers_folder, "validation", fold=0)


def test_a_share_ends_within_a_shard():
    shards = [Shard(file=name, num_examples=5, num_bytes=1, crc32c=0) for name in "abc"]
    found = Split(shards=tuple(shards), num_examples=15)

    assert reading.select(reading.Path(), found, 7).counts == (5, 2)
