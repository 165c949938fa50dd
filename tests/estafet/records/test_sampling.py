"""A share is made of the newest, of a part of each class, or of what a seed draws; the shards stay as they are."""

import shutil

import numpy as np
import pytest

from estafet.errors import ConfigError
from estafet.records import sampling
from estafet.records.manifest import Manifest
from estafet.records.reading import dataset, num_examples
from estafet.schema import Label, NumericFeature, Schema

X = NumericFeature(name="x", mean=0, std=1, min=0, max=1, missing_share=0)
LABELS = np.array([0] * 8 + [1, 2] * 4 + [0] * 24)
"""Forty rows, 32 of them of class 0, four each of classes 1 and 2 in the middle."""


@pytest.fixture(scope="session")
def classes_folder(write_dataset, tmp_path_factory):
    """The numbers 0 to 39 in shards of a few, their classes being `LABELS`."""
    columns = {"numeric": np.arange(40, dtype=np.float32)[:, None], "label": LABELS}
    folder = write_dataset(
        tmp_path_factory.mktemp("classes") / "dataset",
        {"train": columns},
        shard_bytes=250,
        task="tabular_classification",
        data_schema=Schema(numeric=(X,), label=Label(name="y", classes=("a", "b", "c"))),
    )
    manifest = Manifest.load(folder)
    train = manifest.splits["train"].model_copy(update={"class_counts": (32, 4, 4)})
    assert len(train.shards) > 4
    manifest.model_copy(update={"splits": {"train": train}}).save(folder)
    return folder


def _numbers(data) -> list[int]:
    return [int(number) for features, _ in data for number in np.ravel(features["numeric"])]


def _share(folder, share, by, **more) -> list[int]:
    return _numbers(dataset(folder, "train", batch_size=7, share=share, by=by, **more))


def test_a_stratified_share_has_the_first_of_each_class(classes_folder):
    """A quarter of 32, 4 and 4 examples is 8, 1 and 1; the first ten records would all be of two classes."""
    assert _share(classes_folder, 0.25, "stratified") == [*range(8), 8, 9]
    assert _share(classes_folder, 0.5, "stratified") == [*range(8), 8, 9, 10, 11, *range(16, 24)]
    assert _share(classes_folder, 0.25, None) == list(range(10))


def test_a_stratified_share_reads_no_further_than_it_needs(classes_folder, tmp_path, monkeypatch):
    """Its last record is the tenth, so a last shard that is full of zeros is no trouble."""
    monkeypatch.setattr(sampling, "NUM_PARSED_AT_ONCE", 5)
    folder = shutil.copytree(classes_folder, tmp_path / "copy")
    last = Manifest.load(folder).splits["train"].shards[-1]
    (folder / last.file).write_bytes(bytes(last.num_bytes))

    assert _share(folder, 0.25, "stratified") == [*range(8), 8, 9]


def test_classes_get_the_nearest_number_and_the_share_is_never_empty():
    assert sampling.quotas((32, 4, 5), 0.3).tolist() == [10, 1, 2]
    assert sampling.quotas((3, 5, 0), 0.01).tolist() == [0, 1, 0]


def test_a_random_share_is_drawn_by_its_seed_and_a_larger_one_keeps_it(classes_folder):
    small, again = (_share(classes_folder, 0.25, "random", share_seed=3) for _ in range(2))
    large, other = _share(classes_folder, 0.5, "random", share_seed=3), _share(classes_folder, 0.25, "random")

    assert small == again == sorted(set(small)) and len(small) == 10
    assert set(small) < set(large) and len(large) == 20
    assert small != other


@pytest.mark.parametrize("cache", [True, False], ids=["from memory", "from shards"])
@pytest.mark.parametrize(("by", "share"), [("random", 0.4), ("stratified", 0.5), ("random", 1.0)])
def test_a_share_is_shuffled_and_divided_among_workers_like_any_other(classes_folder, by, share, cache):
    chosen = {"share": share, "by": by, "share_seed": 1}
    whole, found = _numbers(dataset(classes_folder, "train", batch_size=7, **chosen)), []

    for index in range(3):
        where = {**chosen, "worker": (index, 3)}
        data = dataset(classes_folder, "train", batch_size=4, shuffle=True, cache=cache, **where)
        mine = _numbers(data)
        assert len(mine) == num_examples(classes_folder, "train", share, None, (index, 3), by=by)
        assert len(data) == -(-len(mine) // 4)
        found += mine

    assert sorted(found) == whole and found != whole


def test_random_windows_are_drawn_from_all_and_the_newest_stay_the_default(series_folder):
    """Six windows; their first forecasts are the steps 3 to 8."""

    def firsts(by):
        return [int(label[0]) for _, label in dataset(series_folder, "train", batch_size=None, share=0.5, by=by)]

    drawn = np.sort(np.random.default_rng(0).permutation(6)[:3]) + 3
    assert firsts("random") == drawn.tolist() != [6, 7, 8]
    assert firsts("newest") == firsts(None) == [6, 7, 8]


def test_what_has_no_time_has_no_newest_part(classes_folder):
    with pytest.raises(ConfigError, match="tabular_classification cannot be its newest") as caught:
        _share(classes_folder, 0.5, "newest")
    assert "stratified" in caught.value.hint


def test_what_has_no_classes_is_not_stratified(series_folder):
    with pytest.raises(ConfigError, match="forecasting cannot be stratified") as caught:
        num_examples(series_folder, "train", 0.5, by="stratified")
    assert "newest" in caught.value.hint
