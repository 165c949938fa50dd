"""What each architecture suggests to search: around its defaults, and wide enough to find anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from estafet.runfile.architectures import BY_TASK
from estafet.runfile.space import Range
from estafet.runfile.tasks import Task
from estafet.schema import TextFeature
from estafet.training import models
from estafet.training.models.hyperparameters import OF_THE_TRAINING

ALL = [(task, name) for task, names in BY_TASK.items() for name in names]
WITH_LOOKBACK = [
    (task, name, lookback) for task, name in ALL for lookback in ((7, 16, 96) if task is Task.FORECASTING else (96,))
]
OF_THE_TRAINING_BY_DEFAULT = {"learning_rate": 1e-3, "batch_size": 32}
LARGE_ENOUGH = (336, 336, 3)


@pytest.fixture
def spec_of(image_spec, table_spec, series_spec):
    """Return a specification for each task; a table has a text, and a series windows of a length."""

    def make(task: Task, lookback: int = 96):
        if task is Task.IMAGE_CLASSIFICATION:
            return image_spec(*LARGE_ENOUGH)
        if task is Task.FORECASTING:
            return replace(series_spec, lookback=lookback)
        table = table_spec(task)
        text = TextFeature(
            name="t",
            vocabulary=("good", "bad"),
            known_share=1,
            mean_words=5,
            words_95=9,
            mean_bytes=30,
            missing_share=0,
        )
        return replace(table, schema=table.schema.model_copy(update={"text": (text,)}))

    return make


def _holds(range_: Range, value) -> bool:
    return value in range_.choices if range_.choices else range_.low <= value <= range_.high


@pytest.mark.parametrize(("task", "name", "lookback"), WITH_LOOKBACK)
def test_each_range_is_around_the_default_and_holds_more_than_that(task, name, lookback, spec_of):
    spec = spec_of(task, lookback)
    space, defaults = models.search_space(spec, name), models.default_hyperparameters(spec, name)

    assert set(space) <= {*defaults, *OF_THE_TRAINING}
    assert set(OF_THE_TRAINING) <= set(space)
    for hyperparameter, range_ in space.items():
        default = {**OF_THE_TRAINING_BY_DEFAULT, **defaults}[hyperparameter]
        assert _holds(range_, default), (hyperparameter, default)
        if range_.choices:
            assert len(set(range_.choices)) == len(range_.choices) > 1, hyperparameter
            assert list(range_.choices) == sorted(range_.choices), hyperparameter
        else:
            assert range_.low < range_.high, hyperparameter


@pytest.mark.parametrize(("task", "name"), ALL)
def test_learning_rates_are_searched_by_their_logarithm(task, name, spec_of):
    range_ = models.search_space(spec_of(task), name)["learning_rate"]

    assert range_.scale == "log"
    assert range_.high >= 10 * range_.low


@pytest.mark.parametrize(
    ("lookback", "patches"),
    [(64, (4, 8, 16, 32)), (32, (4, 8, 16)), (24, (4, 8, 16)), (16, (4, 16)), (7, None)],
)
def test_patches_that_a_short_window_would_make_equal_are_searched_once(lookback, patches, spec_of):
    """A patch is at most half of a window: of 16 steps, patches of 8, 16 and 32 are all 8 long."""
    space = models.search_space(spec_of(Task.FORECASTING, lookback), "patchtst")

    assert (space["patch"].choices if "patch" in space else None) == patches
