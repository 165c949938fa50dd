"""Trials learn from a slice that the task decides about, and are judged on no more than that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.tune.slices import slices, taken_by
from estafet.errors import ConfigError
from estafet.records.manifest import Manifest, Split, WindowSpec
from estafet.runfile.steps import TuneSettings
from estafet.runfile.tasks import Task
from estafet.training import testing


def _settings(task: Task = Task.TABULAR_CLASSIFICATION, **tune) -> TuneSettings:
    return TuneSettings(task=task, model={}, **tune)


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Path:
    """100 rows to learn from, of which 96, 3 and 1 are of the three classes, and 60 to be judged on."""
    folder = tmp_path_factory.mktemp("rows")
    labels = np.array(([0] * 24 + [1]) * 3 + [0] * 24 + [2])
    parts = {"train": labels, "validation": labels[:60], "test": labels[:10]}
    tables = {name: {"numeric": np.arange(len(part))[:, None] * 1.0, "label": part} for name, part in parts.items()}
    testing.write_table(folder, Task.TABULAR_CLASSIFICATION, tables)
    return folder


def _slices(folder: Path, settings: TuneSettings, share: float):
    return slices(settings, folder, Manifest.load(folder), share)


@pytest.mark.parametrize(
    ("task", "by"),
    [
        (Task.FORECASTING, "newest"),
        (Task.TABULAR_CLASSIFICATION, "stratified"),
        (Task.IMAGE_CLASSIFICATION, "stratified"),
        (Task.TABULAR_REGRESSION, "random"),
    ],
)
def test_how_the_slice_is_taken_follows_from_the_task_unless_it_is_said(task, by):
    assert taken_by(_settings(task), task) == by
    assert taken_by(_settings(task, subsample={"by": "random"}), task) == "random"


def test_validation_is_cut_down_to_the_size_of_the_slice_by_the_same_rule(rows):
    """Six tenths are 58 of 96, 2 of 3 and 1 of 1 (0.6 is nearer to 1); of validation's 60 rows none are to go."""
    (whole,) = _slices(rows, _settings(), 0.6)
    (cut,) = _slices(rows, _settings(subsample={"by": "random"}, seed=3), 1.0)

    assert (whole.train.num_examples, whole.validation.num_examples) == (61, 60)
    assert np.bincount(whole.train.arrays[1]).tolist() == [58, 2, 1]
    assert (cut.train.num_examples, cut.validation.num_examples) == (100, 60)


def test_a_validation_split_that_is_larger_than_the_slice_is_a_random_part_of_itself(tmp_path):
    values = np.arange(90, dtype=np.float32)
    parts = {"train": values[:40], "validation": values[40:], "test": values[:5]}
    tables = {name: {"numeric": part[:, None], "label": part} for name, part in parts.items()}
    testing.write_table(tmp_path, Task.TABULAR_REGRESSION, tables)

    (found,) = _slices(tmp_path, _settings(Task.TABULAR_REGRESSION, seed=7), 0.5)

    drawn = np.sort(np.random.default_rng(7).permutation(50)[:20]) + 40
    assert found.train.num_examples == 20
    np.testing.assert_array_equal(found.validation.arrays[1], drawn)


def test_a_series_is_learned_from_and_judged_on_by_its_newest_windows(tmp_path):
    """140 training steps hold 140 - 4 = 136 windows, the next 60 steps 60: a quarter are 34, the last of each."""
    window = WindowSpec(lookback=4, horizon=1, stride=1, season=1)
    testing.write_series(tmp_path, np.arange(210, dtype=np.float32), window, (140 / 210, 60 / 210))

    (found,) = _slices(tmp_path, _settings(Task.FORECASTING), 0.25)

    assert found.train.arrays[1].numpy().ravel().tolist() == list(range(106, 140))
    assert found.validation.arrays[1].numpy().ravel().tolist() == list(range(166, 200))


def test_a_share_that_leaves_a_class_empty_names_it_and_a_share_that_would_do(rows):
    """A tenth of three examples is 0.3, which is none; a third (0.34) would be one, but the rarest class needs all."""
    with pytest.raises(ConfigError, match=r"share of 0.1 .* leaves class '2' empty: it has 1 of 100") as caught:
        _slices(rows, _settings(), 0.1)
    assert "tune.subsample.share to 1 or more" in caught.value.hint

    with pytest.raises(ConfigError, match="leaves class '2' empty") as caught:
        _slices(rows, _settings(subsample={"by": "random"}), 0.05)
    assert "by to stratified" in caught.value.hint


def test_a_rung_that_leaves_a_class_empty_is_found_before_the_first_trial(rows):
    rungs = [{"share": 0.5, "epochs": 1}, {"share": 1.0, "epochs": 1}]

    with pytest.raises(ConfigError, match=r"of which the first rung takes 0\.5") as caught:
        _slices(rows, _settings(rungs=rungs), 1.0)
    assert "first of tune.rungs to 1 or more" in caught.value.hint


def test_each_fold_has_a_slice_of_its_own(rows, tmp_path):
    """Of 100 rows to be judged on, 60 % are 58 of 96, 2 of 3 and 1 of 1, to the nearest number."""
    manifest = Manifest.load(rows)
    for name in ("train", "validation"):
        shard = manifest.splits[name].shards[0]
        (tmp_path / shard.file).write_bytes((rows / shard.file).read_bytes())
    folds = tuple(manifest.splits[name] for name in ("train", "validation"))
    splits = {"train": folds[1], "validation": folds[0], "test": Split(shards=(), num_examples=0)}
    manifest.model_copy(update={"folds": folds, "splits": splits}).save(tmp_path)

    first, second = _slices(tmp_path, _settings(), 1.0)

    assert (first.train.num_examples, first.validation.num_examples) == (60, 61)
    assert (second.train.num_examples, second.validation.num_examples) == (100, 60)
